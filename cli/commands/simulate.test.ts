import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gennaker } from '../testing/system.ts';

const EXAMPLE = fileURLToPath(new URL('../../examples/items-api/', import.meta.url));
const FILE = join(EXAMPLE, 'gennaker.yaml');
const TESTS = join(EXAMPLE, 'tests/delivery.yaml');
const PUSH = {
  source: 'artifact-registry',
  body: { action: 'INSERT', tag: 'asia-northeast1-docker.pkg.dev/acme/items/items-api:1.3.0' },
};

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gennaker-simulate-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function write(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

const TIMELINE = `items-api  api 1.3.0
image items-api:1.3.0 pushed

 0.0 s  ● first    jp  running
 0.8 s  ✔ first    jp  succeeded
 0.8 s  ● pause        running
 0.8 s  ‖ pause        waiting    pause waits until 2026-01-05 09:00:10 UTC
                                  (time-not-reached)
10.8 s  ✔ pause        succeeded
10.8 s  ● rest-us  us  running
10.8 s  ● rest-uk  uk  running
11.6 s  ✔ rest-us  us  succeeded
11.6 s  ✔ rest-uk  uk  succeeded

✔ succeeded after 11.6 s
`;

describe('simulate', () => {
  it('prints the timeline of what an event starts, the same each time, and asks no system', async () => {
    const event = await write('push.json', JSON.stringify(PUSH));
    for (let times = 0; times < 2; times += 1) {
      const { exitCode, stdout, stderr, asked } = await gennaker(`simulate ${FILE} --event ${event}`);
      expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: TIMELINE, stderr: '' });
      expect(asked).toEqual([]);
    }
  });

  it('exits as the execution ends where there is no script', async () => {
    expect(await gennaker(`simulate ${FILE} --image api=broken`)).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining('(image-not-pullable)'),
    });
    const nothing = await gennaker(`simulate ${FILE}`);
    expect(nothing.exitCode).toBe(1);
    expect(nothing.stdout).toMatch(/^Not started: .*--image api=TAG/);
  });

  it('tells of several scripts in a line each, and how many were met', async () => {
    const script = await write(
      'unmet.yaml',
      'name: nobody believes this\nstart: { images: { api: 1.3.0 } }\nexpect: [{ stage: first, status: failed }]\nend: failed\n',
    );
    const { exitCode, stdout } = await gennaker(`simulate ${FILE} --script ${TESTS} --script ${script}`);
    expect(exitCode).toBe(1);
    expect(stdout).toContain(`✔ ${TESTS}  a person stops it while it waits\n`);
    expect(stdout).toContain(
      [
        `✖ ${script}  nobody believes this`,
        '    - first failed',
        '    + first running (at 0.0 s)',
        '    + first succeeded (at 0.8 s)',
        '    - the execution failed',
        '    + the execution succeeded',
        '',
        `    ${script}:3:10  expect[0]  first failed did not happen; what happened is first running at 0.0 s, first succeeded at 0.8 s`,
        `    ${script}:4:6  end  expected failed, but it was succeeded`,
        '',
        '5 of 6 scripts met',
        '',
      ].join('\n'),
    );
    const met = await gennaker(`simulate ${FILE} --script ${TESTS}`);
    expect(met.exitCode).toBe(0);
  });

  it('says all of it in JSON', async () => {
    const { exitCode, stdout } = await gennaker(`simulate ${FILE} --script ${TESTS} -o json`);
    expect(exitCode).toBe(0);
    const { simulations } = JSON.parse(stdout);
    expect(simulations).toHaveLength(5);
    expect(simulations[1]).toMatchObject({
      script: TESTS,
      name: 'an image that cannot be pulled stops in Japan',
      met: true,
      problems: [],
      status: 'failed',
      execution: { pipeline: 'items-api' },
      timeline: expect.arrayContaining([
        expect.objectContaining({ stage: 'first', target: 'jp', status: 'failed', attempts: 1 }),
      ]),
    });
  });

  it('plays a pipeline on templates of the library and on ones that are named', async () => {
    const template = await write(
      'template.yaml',
      'template: nap\nversion: 1.0.0\nowner: platform\nstages: { rest: { uses: wait, with: { for: 3h } } }\n',
    );
    const file = await write('napping.yaml', 'pipeline: napping\nstages: { long: { uses: nap@1 } }\n');
    const { exitCode, stdout } = await gennaker(`simulate ${file} --template ${template}`);
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('succeeded after 3 h') });
    const without = await gennaker(`simulate ${file}`);
    expect(without).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringContaining('nap') });
  });

  it('tells all that is wrong with its files, with places, and simulates nothing', async () => {
    const script = await write('wrong.yaml', 'nmae: x\nend: sucseeded\nstages: { first: { takes: 3 } }\n');
    const event = await write('wrong.json', '{ "sorce": "docker-hub", "body": {} }');
    const { exitCode, stdout, stderr } = await gennaker(`simulate ${FILE} --script ${script} --event ${event}`);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr.split('\n')).toEqual([
      `${event}:1:3  sorce  is not a field of an event; did you mean "source"?`,
      `${script}:1:1  nmae  is not a field of a script; did you mean "name"?`,
      `${script}:2:6  end  must be one of succeeded, failed, cancelled, skipped, not-started, not "sucseeded"; did you mean "succeeded"?`,
      `${script}:3:27  stages.first.takes  must be a duration such as 30s, 10m, 24h or 1h30m, not the number 3`,
      '4 problems. Nothing was simulated.',
      '',
    ]);
  });

  it('tells what is wrong with the pipeline as the system does', async () => {
    const file = await write('faulty.yaml', 'pipeline: faulty\nstages: { pause: { uses: wiat } }\n');
    const { exitCode, stderr } = await gennaker(`simulate ${file}`);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`${file}:2:26  stages.pause.uses  "wiat"`);
  });

  it.each([
    ['--pipeline item-api', `${FILE} has no pipeline "item-api"; did you mean "items-api"?`],
    [
      '--event a.json --image api=1',
      '--event says what arrives from outside, --image and --input what a person asks for: give one.',
    ],
    ['--image api', '--image takes NAME=TAG, not "api".'],
  ])('refuses %s', async (options, sentence) => {
    const { exitCode, stderr } = await gennaker(`simulate ${FILE} ${options}`);
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: `${sentence}\n` });
  });

  it('says what is wrong with an event that its source would not take', async () => {
    const event = await write('hub.json', JSON.stringify({ source: 'docker-hub', body: { push_data: {} } }));
    const { exitCode, stderr } = await gennaker(`simulate ${FILE} --event ${event}`);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^Could not simulate items-api: reading a docker-hub payload: push_data\.pushed_at: /);
    const unknown = await write('unknown.json', JSON.stringify({ source: 'dokcer-hub', body: {} }));
    expect((await gennaker(`simulate ${FILE} --event ${unknown}`)).stderr).toContain('did you mean "docker-hub"?');
  });
});
