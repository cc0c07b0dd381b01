import { describe, expect, it } from 'vitest';
import { execution, stage } from './testing/executions.ts';
import { gennaker, gennakerAt, startSystem } from './testing/system.ts';

describe('a wrong command line', () => {
  it.each([
    ['', 'Usage: gennaker <command>'],
    ['gett', "unknown command 'gett'\n(Did you mean get?)"],
    ['watch --exit-statuss', "unknown option '--exit-statuss'\n(Did you mean --exit-status?)"],
    ['run', "missing required argument 'pipeline'"],
    ['run items-api extra', 'too many arguments'],
    ['run items-api --image api', '--image takes NAME=TAG, not "api".'],
    ['run items-api --image api=1 --image api=2', '--image gives api twice.'],
    ['get executons', 'There is nothing called "executons" to get; did you mean "executions"?'],
    ['get pipelines --pipeline items-api', '--pipeline goes with "get executions" only.'],
    ['get executions --limit 0', 'It is a whole number from 1 to 200.'],
    ['get executions -o yaml', 'Allowed choices are text, json.'],
    ['events show', '"events show" needs the id of an event.'],
    ['push items:api:1', '"items:api:1" is not an image with a tag.'],
    ['up --port 65536', 'It is a whole number from 0 to 65535.'],
    ['up --kubeconfig ~/.kube/config', '--kubeconfig needs at least one --context NAME=TARGET'],
    ['up --context tokyo=jp', '--context needs --kubeconfig FILE'],
    ['up --kubeconfig x --context a=jp --context b=jp', '--context names the target jp twice.'],
  ])('exits with 2 and says what was expected: gennaker %s', async (args, message) => {
    const { exitCode, stdout, stderr } = await gennaker(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(message);
  });
});

describe('help', () => {
  it('shows the everyday commands first, and fits 80 columns', async () => {
    const { exitCode, stdout } = await gennaker('--help');
    expect(exitCode).toBe(0);
    expect(stdout.indexOf('Everyday commands:')).toBeLessThan(stdout.indexOf('More commands:'));
    expect(stdout).toContain('Exit codes:');
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it.each([
    'watch',
    'why',
    'get',
    'run',
    'restart',
    'cancel',
    'logs',
    'validate',
    'plan',
    'apply',
    'events',
    'push',
    'up',
  ])('of %s has an example', async (command) => {
    const { exitCode, stdout } = await gennaker(`${command} --help`);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(new RegExp(`Examples?:\n {2}gennaker ${command}`, 'u'));
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it('tells the version', async () => {
    expect((await gennaker('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/u);
  });
});

describe('the connection', () => {
  it('carries the token', async () => {
    const { asked } = await gennaker('get executions', { 'GET /api/executions?limit=20': { body: { items: [] } } });
    expect(asked).toMatchObject([{ authorization: 'Bearer test-token' }]);
  });

  it('that nothing answers at names the address and the way on', async () => {
    const system = await startSystem({});
    await system[Symbol.asyncDispose]();
    const { exitCode, stderr } = await gennakerAt(system, 'get executions');
    expect(exitCode).toBe(1);
    expect(stderr).toBe(
      `No Gennaker answers at ${system.url} (connection refused).\n` +
        'Start one here with "npm start" or "gennaker up", or set GENNAKER_URL to where one runs.\n',
    );
  });

  it('whose token is refused says what to set', async () => {
    const refused = { status: 401, body: { error: { code: 'unauthorized', message: 'The token is wrong.' } } };
    const { exitCode, stderr } = await gennaker('get executions', { 'GET /api/executions?limit=20': refused });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^The token is wrong\.\n.*set GENNAKER_TOKEN/u);
  });

  it('to something else says so', async () => {
    await using system = await startSystem({
      'GET /api/executions?limit=20': { stream: ['<html>'] },
    });
    const { exitCode, stderr } = await gennakerAt(system, 'get executions');
    expect(exitCode).toBe(1);
    expect(stderr).toContain('something that is not JSON; is it a Gennaker?');
  });
});

it('writes no colour into a pipe, and does where it is asked to', async () => {
  const answers = { 'GET /api/executions/7f3k2': { body: execution({ stages: [stage('deploy')] }) } };
  const introducer = String.fromCharCode(27);
  expect((await gennaker('get execution 7f3k2', answers)).stdout).not.toContain(introducer);
  const forced = await gennaker('get execution 7f3k2', answers, { FORCE_COLOR: '1' });
  expect(forced.stdout).toContain(introducer);
  const both = await gennaker('get execution 7f3k2', answers, { FORCE_COLOR: '1', NO_COLOR: '1' });
  expect(both.stdout).not.toContain(introducer);
});
