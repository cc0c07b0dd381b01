/** Counts what one execution reads, writes and publishes, and holds it against its budget. */
import { workSubscriber } from '../../functions/advance-execution.ts';
import { notificationSubscriber } from '../../functions/send-notifications.ts';
import { eventSubscriber } from '../../functions/start-executions.ts';
import { type Embedded, IN_MEMORY, openEmbedded } from '../../shared/adapters/embedded/index.ts';
import { systemClock } from '../../shared/adapters/system-clock.ts';
import { systemRandom } from '../../shared/adapters/system-random.ts';
import type { Answer, Delivery } from '../../shared/ports/bus.ts';
import type { SourceEvent } from '../../shared/triggers/source.ts';
import { applyByHand } from '../../shared/use-cases/apply-by-hand.ts';
import { documentParsers } from '../../shared/use-cases/documents.ts';
import { DEFAULT_TIMING, executionIdOf } from '../../shared/use-cases/engine.ts';
import { sourceEventMessage, TOPICS, workTopic } from '../../shared/use-cases/messages.ts';
import { planReader } from '../../shared/use-cases/plans.ts';
import { readPlanOf } from '../../shared/use-cases/previous-release.ts';
import { requestRun } from '../../shared/use-cases/request-run.ts';
import { sendNotifications } from '../../shared/use-cases/send-notifications.ts';
import { recordingLog } from '../support/execution-fixtures.ts';
import { withFaults } from '../support/faults.ts';
import { languageOf } from './language.ts';
import { emptyKinds, emptyPipeline } from './pipelines.ts';
import { atMost, type Measure, type Section } from './section.ts';
import { counting, emptyTally, publicationsTo, type Tally } from './tally.ts';

const GIVE_UP_MS = 20_000;
const LOOK_MS = 5;

/** What each function asked of the adapters. */
type Counted = { readonly start: Tally; readonly advance: Tally; readonly notify: Tally };

type Shape = { readonly stages: number; readonly steps: number; readonly startedBy: 'person' | 'push' };

const REPOSITORY = 'registry.example.com/team/service';
const PUSHED: SourceEvent = {
  id: 'the-only-push',
  type: 'image-pushed',
  source: 'docker-distribution',
  at: Date.now(),
  text: 'an image was pushed',
  image: { repository: REPOSITORY, tag: '1.0.0', digest: `sha256:${'d'.repeat(64)}` },
};

/** Runs one execution of a fresh pipeline, each function with a wrapped set of the ports for itself. */
async function countExecution(shape: Shape): Promise<Counted> {
  const log = recordingLog();
  const common = { clock: systemClock, random: systemRandom, log };
  const embedded = openEmbedded({ ...common, path: IN_MEMORY, parse: documentParsers });
  const counted: Counted = { start: emptyTally(), advance: emptyTally(), notify: emptyTally() };
  const portsOf = (tally: Tally): Embedded => withFaults(embedded, counting(tally)).ports;
  const kinds = emptyKinds();

  const ofStart = portsOf(counted.start);
  const resolver = { resolve: unused('a registry') };
  const language = languageOf(embedded);
  const start = eventSubscriber({ ...common, ...ofStart, ...language, plans: planReader(ofStart.blobs), resolver });
  const ofAdvance = portsOf(counted.advance);
  const work = workSubscriber({
    ...common,
    ...ofAdvance,
    plans: planReader(ofAdvance.blobs),
    kinds,
    secrets: { get: unused('secrets') },
    http: { request: unused('HTTP') },
    renderer: { render: unused('a renderer') },
    clusterOf: unused('a cluster'),
    timing: DEFAULT_TIMING,
  });
  const ofNotify = portsOf(counted.notify);
  const channels = { slack: unused('Slack'), pubsub: unused('a topic') };
  const readPlan = readPlanOf(planReader(ofNotify.blobs));
  const tell = sendNotifications({ store: ofNotify.executions, history: ofNotify.history, readPlan, channels, log });

  const subscribe = (topic: string, handler: (delivery: Delivery) => Promise<Answer>): Promise<unknown> =>
    embedded.subscribe({
      topic,
      name: topic,
      handler,
      concurrency: 1,
      ackDeadlineMs: DEFAULT_TIMING.acknowledgementMs,
      maximumDeliveries: 1,
    });
  await subscribe(TOPICS.transitions, notificationSubscriber({ tell, inbox: ofNotify.inbox, clock: systemClock, log }));
  await subscribe(workTopic(undefined), work);
  await subscribe(TOPICS.events, start);
  try {
    const trigger = `images: { app: { repository: ${REPOSITORY}, tag: "*" } }\non: [{ push: app }]\n`;
    const text = `${emptyPipeline('bench', shape)}${shape.startedBy === 'push' ? trigger : ''}`;
    await applyByHand(
      { ...embedded, ...language, clock: systemClock },
      { file: 'bench.yaml', text, files: {}, by: 'bench' },
    );
    const event = shape.startedBy === 'push' ? await publishPush(embedded) : await askForRun(embedded);
    await settled(embedded, executionIdOf('bench', event), counted);
  } finally {
    await embedded.close();
  }
  const troubles = log.lines.filter(({ severity }) => severity === 'WARNING' || severity === 'ERROR');
  if (troubles.length > 0) throw new Error(`the system says: ${troubles.map(({ message }) => message).join('; ')}`);
  return counted;
}

async function publishPush({ bus }: Embedded): Promise<string> {
  await bus.publish({ topic: TOPICS.events, messages: [sourceEventMessage(PUSHED, PUSHED)] });
  return PUSHED.id;
}

async function askForRun(embedded: Embedded): Promise<string> {
  const asked = await requestRun(
    { ...embedded, clock: systemClock },
    { pipeline: 'bench', requestId: 'the-only-one', inputs: {}, images: {}, by: 'bench' },
  );
  if (asked.is !== 'accepted') throw new Error(`the run was not accepted: ${asked.is}`);
  return asked.event;
}

/** Waits until the execution has nothing outstanding and its last announcement was taken. */
async function settled(embedded: Embedded, id: string, { notify, start, advance }: Counted): Promise<void> {
  const giveUpAt = performance.now() + GIVE_UP_MS;
  while (performance.now() < giveUpAt) {
    const found = await embedded.executions.readExecution({ id });
    const announced = publicationsTo(start, TOPICS.transitions) + publicationsTo(advance, TOPICS.transitions);
    const isSettled = found?.value.phase.is === 'ended' && found.value.sweepAt === undefined;
    if (isSettled && notify.others.get('history.record') === announced) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  throw new Error(`the execution has not come to its end within ${GIVE_UP_MS} ms`);
}

const unused = (what: string) => async (): Promise<never> => {
  throw new Error(`an empty stage used ${what}`);
};

/**
 * What the invariant allows a chain of `stages` with `steps` each. The start and the end read and write the execution as
 * the end of any stage does, and the group beside it; the end is followed by the settling write.
 *
 * Beside the documents of the state machine there is one of all windows, freezes and pauses. It is read before each
 * stage begins and never kept, because whoever freezes is promised that nothing begins from then on; and before a
 * trigger starts something, because that may be paused. What was pushed is read and written once for each image, so
 * that several tags of one digest start one execution. Counting what events start costs nothing: the group has the count.
 */
function budgetOf({ stages, steps, startedBy }: Shape) {
  const isPush = startedBy === 'push';
  const inside = { reads: stages * steps, writes: 2 * stages * steps };
  const stageEnds = { reads: stages, writes: stages, creates: stages - 1 };
  return {
    start: {
      reads: 2,
      writes: 2,
      creates: 1,
      transitions: 1,
      work: 1,
      others: {
        'pipelines.triggers': isPush ? 1 : 0,
        'pipelines.get': 1,
        'holds.read': isPush ? 1 : 0,
        'pushes.read': isPush ? 1 : 0,
        'pushes.write': isPush ? 1 : 0,
        'blobs.put': 1,
        'inbox.record': 1,
      },
    },
    advance: {
      reads: inside.reads + stageEnds.reads + 1,
      writes: inside.writes + stageEnds.writes + 2,
      creates: stageEnds.creates,
      transitions: stages,
      work: stages * (steps - 1) + stageEnds.creates,
      // Plans are cached by their hash.
      others: { 'blobs.get': 1, 'holds.read': stages },
    },
  };
}

type Allowed = ReturnType<typeof budgetOf>['start' | 'advance'];

function measuresOf(what: string, tally: Tally, allowed: Allowed): Measure[] {
  const work = workTopic(undefined);
  return [
    { name: `${what}: documents read`, unit: 'reads', value: tally.reads, target: atMost(allowed.reads) },
    { name: `${what}: documents written`, unit: 'writes', value: tally.writes, target: atMost(allowed.writes) },
    { name: `${what}: runs created`, unit: 'creates', value: tally.creates, target: atMost(allowed.creates) },
    ...([TOPICS.transitions, work] as const).map((topic) => ({
      name: `${what}: published to ${topic}`,
      unit: 'times',
      value: publicationsTo(tally, topic),
      target: atMost(topic === work ? allowed.work : allowed.transitions),
    })),
    { name: `${what}: wake-ups scheduled`, unit: 'times', value: tally.wakeUps, target: atMost(0) },
    ...othersOf(what, tally, allowed.others),
  ];
}

/** Calls of the other ports; one of which the budget says nothing is one too many. */
function othersOf(what: string, { others }: Tally, allowed: { readonly [call: string]: number }): Measure[] {
  return [...others].map(([call, value]) => ({
    name: `${what}: ${call}`,
    unit: 'calls',
    value,
    target: atMost(allowed[call] ?? 0),
  }));
}

async function run(): Promise<readonly Measure[]> {
  const measures: Measure[] = [];
  for (const [name, shape] of [
    ['3 stages', { stages: 3, steps: 1, startedBy: 'person' }],
    ['10 steps', { stages: 1, steps: 10, startedBy: 'person' }],
    ['a push', { stages: 1, steps: 1, startedBy: 'push' }],
  ] as const) {
    const { start, advance, notify } = await countExecution(shape);
    const allowed = budgetOf(shape);
    measures.push(...measuresOf(`${name}, start`, start, allowed.start));
    measures.push(...measuresOf(`${name}, stages`, advance, allowed.advance));
    const told = {
      reads: allowed.advance.transitions + 1,
      others: { 'history.record': allowed.advance.transitions + 1, 'blobs.get': 1 },
    };
    measures.push(
      { name: `${name}, notifying: documents read`, unit: 'reads', value: notify.reads, target: atMost(told.reads) },
      ...othersOf(`${name}, notifying`, notify, told.others),
    );
  }
  return measures;
}

export const budget: Section = {
  name: 'budget',
  about: 'what one execution costs, as calls of the adapters',
  needs: [],
  run,
};
