/** The inbox as people use it: one system in this process, and the command line against it. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { statusOf } from '../../shared/core/execution.ts';
import { HOOK_SECRET, startMemorySystem, TOKEN } from '../../test/support/memory-system.ts';
import { gennakerAt, type Ran } from '../testing/system.ts';
import type { System } from './system.ts';

const PATIENCE = { timeout: 20_000, interval: 20 };
const REPOSITORY = 'registry.example.com/items-api';
const pipelineOf = (name: string, filter: string, more = ''): string => `
pipeline: ${name}
images: { api: { repository: ${REPOSITORY}, ${filter} } }
on: [{ push: api }]
${more}
stages:
  pause: { uses: wait, with: { for: 0s } }
`;
const INPUTS = `inputs:
  size: { type: number, minimum: 1 }
  fast: { type: boolean }
  region: { type: choice, choices: [jp, us] }`;

const folder = mkdtempSync(join(tmpdir(), 'gennaker-inbox-'));
let system: System;

beforeAll(async () => {
  ({ system } = await startMemorySystem({
    resolver: { resolve: async () => ({ digest: `sha256:${'b'.repeat(64)}` }) },
  }));
  await apply(pipelineOf('items-api', 'semver: ">=1.0.0"'));
  await apply(pipelineOf('items-api-dev', 'tag: "*-rc*"'));
  await apply(pipelineOf('sized', 'tag: "release-*"', INPUTS));
});
afterAll(async () => {
  await system?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function apply(text: string): Promise<void> {
  expect(await system.apply({ file: 'gennaker.yaml', text, files: {} })).toMatchObject({ is: 'applied' });
}

/** `{folder}` in the arguments is this test's own. */
const gennaker = (args: string): Promise<Ran> =>
  gennakerAt(
    { url: system.url, asked: [], [Symbol.asyncDispose]: async () => undefined },
    args.replaceAll('{folder}', folder),
    { GENNAKER_TOKEN: TOKEN },
  );

/** A digest of its own for each delivery, unless one is shared. */
const pushBody = (id: string, tag: string, content = id): object => ({
  events: [
    {
      id,
      action: 'push',
      target: {
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        repository: 'items-api',
        tag,
        digest: `sha256:${createHash('sha256').update(content).digest('hex')}`,
      },
      request: { host: 'registry.example.com' },
    },
  ],
});

/** Resolves when the event was decided. */
async function push(id: string, tag: string, content?: string): Promise<string> {
  const response = await fetch(`${system.url}/hooks/docker-distribution`, {
    method: 'POST',
    headers: {
      'content-type': 'application/vnd.docker.distribution.events.v2+json',
      authorization: `Bearer ${HOOK_SECRET}`,
    },
    body: JSON.stringify(pushBody(id, tag, content)),
  });
  expect(response.status).toBe(202);
  const event = `docker-distribution-${id}`;
  await expect.poll(() => system.ports.inbox.get({ id: event }), PATIENCE).toBeDefined();
  return event;
}

const executionsOf = (pipeline: string) => system.ports.executions.list({ pipeline, limit: 200 });
const endsOf = async (pipeline: string) => (await executionsOf(pipeline)).map(statusOf);

describe('the inbox', () => {
  it('explains an event: each trigger that looks at it, and what each condition gave', async () => {
    const event = await push('delivery-explained', '1.3.0-rc1');
    const explained = await gennaker(`events explain ${event}`);
    expect(explained.exitCode, explained.stderr).toBe(0);
    const lines = explained.stdout.split('\n');
    expect(lines[0]).toMatch(/^image items-api:1\.3\.0-rc1 pushed {3}from docker-distribution$/);
    const own = lines.findIndex((line) => line.startsWith('  items-api / '));
    expect(lines[own]).toMatch(/^ {2}items-api \/ on\[0\] +no {4}semver ">=1\.0\.0" excludes pre-releases:$/);
    expect(lines[own + 1]?.trim()).toBe('1.3.0-rc1');
    expect(lines.find((line) => line.startsWith('  items-api-dev / '))).toMatch(/ yes {3}started execution \w+$/);
    expect(explained.stdout).toMatch(/met +tag +wants \*-rc\*, came 1\.3\.0-rc1/);
  });

  it('explains the file of an event that never arrived, and starts nothing', async () => {
    const before = await executionsOf('items-api');
    writeFileSync(
      join(folder, 'push.json'),
      JSON.stringify({ source: 'docker-distribution', body: pushBody('delivery-of-a-file', '2.0.0') }),
    );
    const explained = await gennaker('events explain {folder}/push.json --pipeline sized -o json');
    expect(explained.exitCode, explained.stderr).toBe(0);
    const { triggers } = JSON.parse(explained.stdout) as { triggers: { pipeline: string; takes: boolean }[] };
    expect(triggers.map(({ pipeline, takes }) => `${pipeline} ${takes}`)).toEqual([
      'items-api true',
      'items-api-dev false',
      'sized false',
    ]);
    expect(await executionsOf('items-api')).toEqual(before);
    const unknown = await gennaker('events explain {folder}/push.json --pipeline items-spi');
    expect(unknown.stderr).toContain('There is no pipeline items-spi.');
  });

  it('keeps what was filtered with the values that were compared', async () => {
    const event = await push('delivery-filtered', '0.9.0');
    const entry = await system.ports.inbox.get({ id: event });
    expect(entry?.verdicts).toContainEqual(
      expect.objectContaining({
        is: 'filtered',
        pipeline: 'items-api',
        trigger: 0,
        compared: expect.arrayContaining([expect.objectContaining({ wanted: '>=1.0.0', got: '0.9.0', met: false })]),
      }),
    );
  });

  it('is listed by pipeline, source and verdict', async () => {
    await push('delivery-listed', '0.8.0');
    await push('delivery-taken', '1.8.0');
    const idsOf = async (args: string): Promise<string[]> => {
      const listed = await gennaker(`events ${args} -o json`);
      expect(listed.exitCode, listed.stderr).toBe(0);
      return (JSON.parse(listed.stdout) as { items: { id: string }[] }).items.map(({ id }) => id);
    };
    expect(await idsOf('--pipeline items-api --verdict filtered')).toContain('docker-distribution-delivery-listed');
    expect(await idsOf('--pipeline items-api --verdict filtered')).not.toContain('docker-distribution-delivery-taken');
    expect(await idsOf('--verdict started --limit 1')).toHaveLength(1);
    expect(await idsOf('--source docker-hub')).toEqual([]);
    const none = await gennaker('events --source docker-hub');
    expect(none.stdout).toBe('No such event among all that is kept. All:  gennaker events\n');
  });

  it('counts a delivery that comes again, which starts nothing', async () => {
    const event = await push('delivery-repeated', '1.4.0');
    const before = await executionsOf('items-api');
    await push('delivery-repeated', '1.4.0');
    await expect
      .poll(async () => (await system.ports.inbox.get({ id: event }))?.repeats, PATIENCE)
      .toMatchObject({ times: 1 });
    expect((await executionsOf('items-api')).length).toBe(before.length);
    expect((await gennaker(`events show ${event}`)).stdout).toContain('came again 1 time');
  });

  it('says of a second tag of one digest what it is a duplicate of', async () => {
    await push('delivery-first-tag', '1.6.0', 'one image');
    const second = await push('delivery-second-tag', '1.6.1', 'one image');
    const [execution] = await executionsOf('items-api');
    const listed = await gennaker('events --verdict duplicate -o json');
    const { items } = JSON.parse(listed.stdout) as { items: { id: string; verdicts: object[] }[] };
    expect(items.map(({ id }) => id)).toEqual([second]);
    expect(items[0]?.verdicts).toContainEqual(
      expect.objectContaining({ is: 'duplicate', pipeline: 'items-api', execution: execution?.id }),
    );
    expect((await gennaker(`events show ${second}`)).stdout).toContain('did not start again');
    const replayed = await gennaker(`events replay ${second} -o json`);
    expect(JSON.parse(replayed.stdout)).toMatchObject({
      verdicts: expect.arrayContaining([expect.objectContaining({ is: 'started', pipeline: 'items-api' })]),
    });
  });

  it('replays an event on purpose, under an id that names the old one', async () => {
    const event = await push('delivery-replayed', '1.5.0');
    const before = (await executionsOf('items-api')).length;
    const replayed = await gennaker(`events replay ${event} -o json`);
    expect(replayed.exitCode, replayed.stderr).toBe(0);
    const { event: id } = JSON.parse(replayed.stdout) as { event: string };
    expect(await system.ports.inbox.get({ id })).toMatchObject({
      replay: { of: event },
      text: 'image items-api:1.5.0 pushed',
      verdicts: expect.arrayContaining([expect.objectContaining({ is: 'started', pipeline: 'items-api' })]),
    });
    expect((await executionsOf('items-api')).length).toBe(before + 1);
    expect((await gennaker(`events show ${id}`)).stdout).toContain(`had ${event} published again as this one`);
    const nowhere = await gennaker('events replay nowhere');
    expect(nowhere.stderr).toContain('No event nowhere has been processed.');
  });
});

describe('a start by hand', () => {
  it('turns text into what its inputs are, and is refused at once with all that is wrong', async () => {
    const wrong = await gennaker('run sized --input size=none --input fats=true --image api=1.0 --image app=2');
    expect(wrong.exitCode).toBe(1);
    expect(wrong.stderr.split('\n')).toEqual([
      expect.stringContaining('inputs.fats is not an input; did you mean "fast"?'),
      'inputs.size must be a number, not text',
      expect.stringContaining('images.api may not have the tag 1.0: tag "release-*" does not match: 1.0'),
      expect.stringContaining('images.app is not an image'),
      'Nothing was started.',
      '',
    ]);
    expect(await executionsOf('sized')).toEqual([]);
    const right = await gennaker('run sized --input size=3 --input fast=true --image api=release-1');
    expect(right.exitCode, right.stderr).toBe(0);
    const [execution] = await executionsOf('sized');
    const { plan } = await system.engine.plans.get(execution?.plan ?? '');
    expect(plan.inputs).toEqual({ size: 3, fast: true, region: 'jp' });
  });

  it('with --dry-run shows the plan, and starts nothing', async () => {
    const before = await executionsOf('items-api');
    const shown = await gennaker('run items-api --image api=1.9.0 --dry-run');
    expect(shown.exitCode, shown.stderr).toBe(0);
    expect(shown.stdout).toContain('pause');
    expect(shown.stdout).toContain('Nothing was started.');
    expect(await executionsOf('items-api')).toEqual(before);
    const impossible = await gennaker('run items-api --image api=0.1.0 --dry-run');
    expect(impossible.stderr).toContain('images.api may not have the tag 0.1.0');
    const waits = await gennaker('run items-api --dry-run --wait');
    expect(waits.exitCode).toBe(2);
  });
});

describe('a restart', () => {
  const steps = (broken: string, added = ''): string => `
pipeline: restarted
stages:
  first: { uses: wait, with: { for: 0s } }
${added}  second: { uses: webhook, needs: first, with: { url: "${broken}" } }
`;

  it('of what has succeeded is refused, with the way on', async () => {
    await apply(pipelineOf('done', 'tag: "*"'));
    expect((await gennaker('run done --image api=1.0.0')).exitCode).toBe(0);
    await expect.poll(() => endsOf('done'), PATIENCE).toEqual(['succeeded']);
    const [execution] = await executionsOf('done');
    const again = await gennaker(`restart ${execution?.id}`);
    expect(again.exitCode).toBe(1);
    expect(again.stderr).toContain('Run the pipeline anew:  gennaker run done');
  });

  it('with the newest plan goes on after what is the same in it, or says why it begins anew', async () => {
    const broken = 'http://127.0.0.1:9/never';
    await apply(steps(broken));
    expect((await gennaker('run restarted')).exitCode).toBe(0);
    await expect.poll(() => endsOf('restarted'), PATIENCE).toEqual(['failed']);
    const [failed] = await executionsOf('restarted');

    await apply(steps(`http://127.0.0.1:9/elsewhere`));
    const after = await gennaker(`restart ${failed?.id} --newest`);
    expect(after.exitCode, after.stderr).toBe(0);
    expect(after.stderr).toBe('Restarted with the newest plan, after first.\n');
    const [newest] = await executionsOf('restarted');
    expect(newest).toMatchObject({ restartOf: failed?.id, stages: [{ id: 'first', status: 'succeeded' }, {}] });
    expect(newest?.plan).not.toBe(failed?.plan);

    await apply(steps(broken).replace('for: 0s', 'for: 1s'));
    const anew = await gennaker(`restart ${failed?.id} --newest`);
    expect(anew.stderr).toBe('Restarted with the newest plan, from the start: first is not the same in it.\n');
  });
});
