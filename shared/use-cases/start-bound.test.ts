import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { handClock } from '../../test/support/clocks.ts';
import { recordingLog } from '../../test/support/execution-fixtures.ts';
import { putPipeline } from '../../test/support/put-pipeline.ts';
import { type Embedded, IN_MEMORY, openEmbedded } from '../adapters/embedded/index.ts';
import { systemRandom } from '../adapters/system-random.ts';
import { parsePipelines } from '../pipeline/parse.ts';
import { NO_TEMPLATES } from '../pipeline/template.ts';
import { stageKinds } from '../stages/registry.ts';
import { triggerEntries } from '../triggers/keys.ts';
import { manualEvent } from '../triggers/manual/source.ts';
import type { SourceEvent } from '../triggers/source.ts';
import { documentParsers } from './documents.ts';
import { explainEvent } from './explain-event.ts';
import { planReader } from './plans.ts';
import { isBounded } from './start-bound.ts';
import { startExecutions } from './start-executions.ts';

const repository = 'registry.example.com/acme/items-api';
const NOW = Date.UTC(2026, 0, 5, 10);
const MINUTE_MS = 60_000;

const clock = handClock(NOW);
let embedded: Embedded;
beforeEach(() => {
  embedded = openEmbedded({ path: IN_MEMORY, clock, parse: documentParsers, log: recordingLog() });
});
afterEach(() => embedded.close());

const ports = () => ({
  ...embedded,
  clock,
  random: systemRandom,
  log: recordingLog(),
  plans: planReader(embedded.blobs),
  resolver: { resolve: () => Promise.reject(new Error('no registry is asked')) },
  kinds: stageKinds(),
  targets: [],
  renderer: { render: () => Promise.reject(new Error('nothing is rendered')) },
  lockedTemplates: async () => NO_TEMPLATES,
});

async function apply(concurrency: string): Promise<void> {
  const text = `
pipeline: items-api
team: items
images: { api: { repository: ${repository}, tag: "*" } }
on: [{ push: api }]
concurrency: ${concurrency}
stages: { soak: { uses: wait, with: { for: 1m } } }
`;
  const parsed = parsePipelines({ file: 'gennaker.yaml', text, kinds: stageKinds() });
  const [definition] = 'pipelines' in parsed ? parsed.pipelines : [];
  if (definition === undefined) throw new Error(JSON.stringify(parsed));
  await putPipeline(
    embedded.pipelines,
    {
      format: 1,
      name: 'items-api',
      team: 'items',
      file: 'gennaker.yaml',
      definition: JSON.parse(JSON.stringify(definition)),
      appliedAt: 0,
      generation: 1,
    },
    triggerEntries({ ...definition, on: definition.on ?? [] }),
  );
}

const push = (number: number): SourceEvent => ({
  id: `docker-hub-${number}`,
  type: 'image-pushed',
  source: 'docker-hub',
  at: clock.now(),
  text: 'an image was pushed',
  image: { repository, tag: `1.0.${number}`, digest: `sha256:${String(number).padStart(64, '0')}` },
});
const verdictOf = async (event: SourceEvent) => (await startExecutions(ports(), event))[0];
const asked = (request: string) =>
  manualEvent({
    asked: { pipeline: 'items-api', inputs: {}, images: { api: { tag: '1.0.9', digest: `sha256:${'9'.repeat(64)}` } } },
    request,
    by: 'aki',
    at: clock.now(),
  });

describe('a pipeline that events start more often than it allows', () => {
  const bound = 'starts: { limit: 2, within: 10m }';

  it.each([
    ['in a group of its own', `{ limit: 50, ${bound} }`],
    ['in a group of several', `{ limit: 50, group: items, ${bound} }`],
    ['with a group for each event', `{ limit: 50, group: "\${{ images.api }}", ${bound} }`],
  ])('is not started by the next one, %s', async (_, concurrency) => {
    await apply(concurrency);
    expect(await verdictOf(push(1))).toMatchObject({ is: 'started' });
    clock.advance(MINUTE_MS);
    expect(await verdictOf(push(2))).toMatchObject({ is: 'started' });
    expect(await verdictOf(push(3))).toMatchObject({
      is: 'filtered',
      text:
        'events have started items-api 2 times since 2026-01-05T10:00:00Z, and concurrency.starts allows 2 within ' +
        '10m: it may cause the events that start it. The next event from 2026-01-05T10:10:00Z on starts it again; ' +
        'a person can at any time (gennaker run items-api)',
      compared: [
        { condition: 'tag', met: true },
        {
          condition: 'concurrency.starts',
          wanted: 'at most 2 within 10m',
          got: '2 since 2026-01-05T10:00:00Z',
          met: false,
        },
      ],
    });
    expect(await embedded.executions.list({ limit: 10 })).toHaveLength(2);
    expect((await explainEvent(ports(), { event: push(4) })).triggers).toMatchObject([
      { takes: false, conditions: [{ condition: 'tag' }, { condition: 'concurrency.starts', met: false }] },
    ]);

    clock.advance(9 * MINUTE_MS);
    expect((await explainEvent(ports(), { event: push(4) })).triggers).toMatchObject([{ takes: true }]);
    expect(await verdictOf(push(4))).toMatchObject({ is: 'started' });
    clock.advance(-10 * MINUTE_MS);
  });

  it('is started by people, and by what they publish again', async () => {
    await apply(`{ limit: 50, ${bound} }`);
    for (const number of [1, 2, 3]) await verdictOf(push(number));
    expect(await verdictOf({ ...push(3), id: 'replay-1', replay: { of: 'docker-hub-3', by: 'aki' } })).toMatchObject({
      is: 'started',
    });
    expect(await verdictOf(asked('1'))).toMatchObject({ is: 'started' });
    expect(await embedded.executions.list({ limit: 10 })).toHaveLength(4);
  });

  it('counts an event that is delivered again once', async () => {
    await apply(`{ limit: 50, ${bound} }`);
    for (const number of [1, 1, 1, 2]) expect(await verdictOf(push(number))).toMatchObject({ is: 'started' });
    expect(await verdictOf(push(3))).toMatchObject({ is: 'filtered' });
    expect(await verdictOf(push(1))).toMatchObject({ is: 'started' });
  });

  it('is held to a hundred an hour where it does not say', async () => {
    await apply('{ limit: 100, when-busy: skip }');
    for (let number = 1; number <= 100; number += 1) await verdictOf(push(number));
    expect(await verdictOf(push(101))).toMatchObject({
      is: 'filtered',
      compared: [{ condition: 'tag' }, { wanted: 'at most 100 within 1h', met: false }],
    });
  });
});

it('schedules and the ends of pipelines do not count', () => {
  const common = { id: 'e', source: 'cron', at: 0, text: 'a schedule was due' } as const;
  expect(isBounded({ ...common, type: 'schedule-due', schedule: { pipeline: 'items-api', key: 'k', due: 0 } })).toBe(
    false,
  );
  expect(isBounded(push(1))).toBe(true);
});
