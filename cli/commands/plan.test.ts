import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PipelinePlan } from '../../shared/use-cases/plan-pipelines.ts';
import { gennaker } from '../testing/system.ts';

const PLAN = 'POST /api/plans';
const APPLY = 'POST /api/plans/apply';
const digest = (letter: string) => `sha256:${letter.repeat(64)}`;

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gennaker-plan-'));
  file = join(folder, 'gennaker.yaml');
  await writeFile(
    file,
    'pipeline: items-api\nstages:\n  pause: { uses: wait, with: { for: 1s } }\n  next: { needs: pause, uses: wait, with: { for: 2s } }\n',
  );
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function report(more: Partial<PipelinePlan> = {}) {
  const pipeline: PipelinePlan = {
    pipeline: 'items-api',
    change: 'unchanged',
    changes: [],
    stages: [],
    images: [],
    unplanned: null,
    targets: [],
    gates: [],
    begins: { is: 'now' },
    usuallyMs: null,
    basis: {
      pipeline: 'items-api',
      definition: digest('d'),
      files: null,
      generation: 1,
      templates: {},
      images: { api: { repository: 'ghcr.io/acme/items', tag: '1.3.0', digest: digest('9') } },
      inputs: { note: 'two words' },
      manifests: null,
      plan: digest('4'),
    },
    ...more,
  };
  return { is: 'planned', request: { images: {}, inputs: {}, by: 'aki', at: 1 }, pipelines: [pipeline] };
}

const changed = report({
  change: 'changed',
  changes: [{ is: 'changed', path: 'pause.with.for', from: '2s', to: '1s' }],
});
const unreachable = report({
  targets: [{ target: 'jp', stages: [], later: [], is: 'unreachable', text: 'connect timed out' }],
});

describe('plan', () => {
  it('sends the file with what is asked, and prints what would change', async () => {
    const { exitCode, stdout, asked } = await gennaker(`plan ${file} --image api=1.3.0 --input size=3`, {
      [PLAN]: { body: changed },
    });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('items-api   1 change to the pipeline\n\n  pipeline\n  ~ pause.with.for   2s → 1s\n');
    expect(stdout).toContain(`Apply it:  gennaker apply ${file}\n`);
    expect(asked[0]?.body).toMatchObject({ file, images: { api: '1.3.0' }, inputs: { size: '3' }, files: {} });
  });

  it.each([
    ['4 where something would change', changed, 4],
    ['0 where nothing would', report(), 0],
    ['1 where it cannot be told', unreachable, 1],
  ])('with --exit-code exits with %s', async (_, body, exitCode) => {
    expect((await gennaker(`plan ${file} --exit-code`, { [PLAN]: { body } })).exitCode).toBe(exitCode);
    expect((await gennaker(`plan ${file}`, { [PLAN]: { body } })).exitCode).toBe(0);
  });

  it('finds the event by the beginning of its id', async () => {
    const event = {
      id: 'manual-7f3k2',
      receivedAt: '2026-01-01T00:00:00.000Z',
      source: 'manual',
      text: '',
      verdicts: [],
    };
    const { asked } = await gennaker(`plan ${file} --trigger 7f3`, {
      'GET /api/events?limit=200': { body: { items: [event] } },
      [PLAN]: { body: report() },
    });
    expect(asked.at(-1)?.body).toMatchObject({ event: 'manual-7f3k2' });
  });

  it('offline asks no system, and shows the stages', async () => {
    const { exitCode, stdout, asked } = await gennaker(`plan ${file} --offline`);
    expect({ exitCode, asked }).toEqual({ exitCode: 0, asked: [] });
    expect(stdout).toBe(
      `${file}  is valid: items-api (2 stages)\n\nitems-api\n  pause   wait\n  next    wait      after pause\n` +
        '  gates   wait of 1s (pause) · wait of 2s (next)\n',
    );
  });

  it('offline tells the windows of the file, which are all that it can know of', async () => {
    const window = '{ days: [mon, tue, wed, thu, fri, sat, sun], hours: 00:00-24:00 }';
    await writeFile(
      file,
      `pipeline: items-api\nwindows: [${window}]\nstages: { go: { uses: wait, with: { for: 1s } } }\n`,
    );
    const { stdout } = await gennaker(`plan ${file} --offline`);
    expect(stdout).toContain(
      '  gates   wait of 1s (go)\n          window of pipeline items-api daily 00:00-24:00 UTC, open now\n',
    );
    const json = JSON.parse((await gennaker(`plan ${file} --offline -o json`)).stdout);
    expect(json.pipelines[0]).toMatchObject({
      gates: [{ is: 'stage' }, { is: 'window', of: 'pipeline:items-api', isHolding: false, until: null }],
      begins: { is: 'now' },
    });
  });

  it('says what is wrong with a file, before anything is sent', async () => {
    await writeFile(file, 'pipeline: items-api\nstages: { pause: { uses: wiat } }\n');
    const { exitCode, stderr, asked } = await gennaker(`plan ${file}`);
    expect({ exitCode, asked }).toEqual({ exitCode: 1, asked: [] });
    expect(stderr).toContain('did you mean "wait"?');
  });

  it.each([
    ['--offline --image api=1', '--image needs a running system'],
    ['--trigger x --image api=1', '--trigger takes images and inputs from the event'],
  ])('refuses %s', async (options, message) => {
    const { exitCode, stderr } = await gennaker(`plan ${file} ${options}`);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
  });
});

describe('a saved plan', () => {
  it('is kept for its owner alone, and applied as it is, although the file has changed', async () => {
    const saved = join(folder, 'plan.json');
    const planned = await gennaker(`plan ${file} --out ${saved}`, { [PLAN]: { body: changed } });
    expect(planned.stdout).toContain(`Saved. Apply exactly this:  gennaker apply --plan ${saved}`);
    expect((await stat(saved)).mode & 0o077).toBe(0);
    const text = await readFile(file, 'utf8');
    await writeFile(file, 'pipeline: other\n');
    const { exitCode, stdout, asked } = await gennaker(`apply --plan ${saved}`, {
      [APPLY]: { body: { pipelines: [{ name: 'items-api', change: 'changed' }], notes: [] } },
    });
    expect(exitCode).toBe(0);
    expect(asked[0]?.body).toMatchObject({ file, text, request: changed.request, bases: [{ plan: digest('4') }] });
    expect(stdout).toContain(
      `gennaker run items-api --image api=ghcr.io/acme/items:1.3.0@${digest('9')} --input 'note=two words'\n`,
    );
  });

  it('that no longer holds is told with the reason', async () => {
    const saved = join(folder, 'plan.json');
    await gennaker(`plan ${file} --out ${saved}`, { [PLAN]: { body: changed } });
    const message = 'The plan no longer holds, and nothing was applied. items-api was removed since. Plan again.';
    const refused = { status: 409, body: { error: { code: 'plan-outdated', message } } };
    expect(await gennaker(`apply --plan ${saved}`, { [APPLY]: refused })).toMatchObject({
      exitCode: 1,
      stderr: `${message}\n`,
    });
  });

  it('that is none is refused', async () => {
    const { exitCode, stderr } = await gennaker(`apply --plan ${file}`);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('is not a saved plan; make one with "gennaker plan --out FILE".');
    expect((await gennaker('apply')).exitCode).toBe(2);
    expect((await gennaker(`apply ${file} --plan ${file}`)).exitCode).toBe(2);
  });
});
