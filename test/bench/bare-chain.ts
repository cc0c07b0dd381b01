/**
 * The floor of the google section: what an execution of three stages asks of Firestore and Pub/Sub, made with the bare
 * client libraries in the same order of dependency, and nothing in between.
 */
import type { DocumentReference, Firestore, Timestamp } from '@google-cloud/firestore';
import type { PubSub } from '@google-cloud/pubsub';

/** The topics of the chain, one for each of ours. */
export const BARE_TOPICS = { events: 'bare-events', work: 'bare-work', transitions: 'bare-transitions' } as const;

export type BareTopic = keyof typeof BARE_TOPICS;

export type BareMessage = { readonly run: string; readonly stage: number; readonly isEnd: boolean };

/** About what a document of ours holds, in characters. */
const BODY = 'x'.repeat(1_000);

export type BareChain = {
  /** Publishes what starts one run of the chain. */
  start(run: string): Promise<void>;
  /** Does what the function that subscribes to the topic does. */
  take(topic: BareTopic, message: BareMessage): Promise<void>;
  /** Makes the documents that are there before any run. */
  prepare(): Promise<void>;
  /** How often each operation was asked for so far. */
  readonly calls: { gets: number; commits: number; publications: number };
};

export function bareChain(options: { firestore: Firestore; pubsub: PubSub; stages: number }): BareChain {
  const { firestore, pubsub, stages } = options;
  const calls = { gets: 0, commits: 0, publications: 0 };
  const pipeline = firestore.doc('bare-pipelines/one');
  const group = firestore.doc('bare-groups/one');
  const of = (run: string) => firestore.doc(`bare-executions/${run}`);
  const stageOf = (run: string, stage: number) => firestore.doc(`bare-executions/${run}/stages/${stage}`);
  const planOf = (run: string) => firestore.doc(`bare-blobs/${run}`);

  const get = async (document: DocumentReference): Promise<Timestamp | undefined> => {
    calls.gets += 1;
    return (await document.get()).updateTime;
  };
  type Write = { readonly document: DocumentReference; readonly expected: Timestamp | undefined | 'any' };
  /** Conditional on each document's last change, or on its absence where there was none. */
  const commit = async (...writes: readonly Write[]): Promise<readonly Timestamp[]> => {
    calls.commits += 1;
    const batch = firestore.batch();
    for (const { document, expected } of writes) {
      const fields = { body: BODY, sweepAt: Date.now() };
      if (expected === 'any') batch.set(document, fields);
      else if (expected === undefined) batch.create(document, fields);
      else batch.update(document, fields, { lastUpdateTime: expected });
    }
    return (await batch.commit()).map(({ writeTime }) => writeTime);
  };
  const publish = async (topic: BareTopic, message: BareMessage): Promise<void> => {
    calls.publications += 1;
    const publisher = pubsub.topic(BARE_TOPICS[topic], { batching: { maxMessages: 1, maxMilliseconds: 0 } });
    await publisher.publishMessage({ data: Buffer.from(JSON.stringify({ ...message, body: BODY })) });
  };

  const begin = async ({ run }: BareMessage): Promise<void> => {
    await get(pipeline);
    await commit({ document: planOf(run), expected: undefined });
    const execution = await get(of(run));
    const slots = await get(group);
    await commit(
      { document: of(run), expected: execution },
      { document: stageOf(run, 0), expected: undefined },
      { document: group, expected: slots },
    );
    await publish('transitions', { run, stage: -1, isEnd: false });
    await publish('work', { run, stage: 0, isEnd: false });
    await commit({ document: firestore.doc(`bare-inbox/${run}`), expected: 'any' });
  };

  const advance = async ({ run, stage }: BareMessage): Promise<void> => {
    const isEnd = stage === stages - 1;
    const due = await get(stageOf(run, stage));
    if (stage === 0) await get(planOf(run));
    const [claim] = await commit({ document: stageOf(run, stage), expected: due });
    const before = await get(of(run));
    const slots = isEnd ? await get(group) : undefined;
    const [shown] = await commit(
      { document: of(run), expected: before },
      { document: stageOf(run, stage), expected: claim },
      isEnd ? { document: group, expected: slots } : { document: stageOf(run, stage + 1), expected: undefined },
    );
    await publish('transitions', { run, stage, isEnd });
    if (isEnd) await commit({ document: of(run), expected: shown });
    else await publish('work', { run, stage: stage + 1, isEnd: false });
  };

  const tell = async ({ run, stage }: BareMessage): Promise<void> => {
    await commit({ document: firestore.doc(`bare-executions/${run}/history/${stage + 1}`), expected: undefined });
    await get(of(run));
    if (stage === -1) await get(planOf(run));
  };

  const subscribers = { events: begin, work: advance, transitions: tell };
  return {
    calls,
    start: (run) => publish('events', { run, stage: -1, isEnd: false }),
    take: (topic, message) => subscribers[topic](message),
    async prepare() {
      await commit({ document: pipeline, expected: 'any' }, { document: group, expected: 'any' });
    },
  };
}
