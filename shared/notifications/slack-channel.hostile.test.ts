import { describe, expect, it } from 'vitest';
import {
  executionOf,
  manualClock,
  memoryCells,
  planOf,
  recordingLog,
  transitionOf,
} from '../../test/support/execution-fixtures.ts';
import type { Execution, Transition } from '../core/run.ts';
import type { NotificationState } from '../ports/cells.ts';
import { SLACK_LEASE_MS, slackChannel } from './slack-channel.ts';
import { type SlackClient, SlackError, type SlackMark } from './slack-client.ts';

/** GENNAKER_SLACK_SEED replays one. */
const SEEDS = process.env.GENNAKER_SLACK_SEED
  ? [Number(process.env.GENNAKER_SLACK_SEED)]
  : Array.from({ length: 300 }, (_, index) => index + 1);
const REVISIONS = 8;
const MAXIMUM_ROUNDS = 400;
const notify = { slack: '#items-deploys', when: ['started', 'waiting', 'succeeded', 'failed', 'cancelled'] } as const;
const reason = { code: 'signal-not-received', text: 'waits', unblock: 'gennaker signal' } as const;

class Crash extends Error {}

/** Numbers in [0, 1) that a seed repeats. */
function randomOf(seed: number): () => number {
  let state = seed * 2_654_435_761;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 0x9e3779b9) >>> 0;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
  };
}

/** Half of the executions fail, and the others end with nothing to say in the thread. */
const fails = (seed: number) => seed % 2 === 0;

function transition(revision: number, seed: number): Transition {
  if (revision === REVISIONS)
    return transitionOf(revision, { is: 'ended', status: fails(seed) ? 'failed' : 'succeeded' });
  if (revision % 3 === 0) return transitionOf(revision, { is: 'stage', stage: 'approve', status: 'waiting', reason });
  return transitionOf(revision, revision === 1 ? {} : { is: 'stage', stage: 'migrate' });
}

/** One execution's announcements under duplicates, crashes, lost answers, pauses and any order. */
async function play(seed: number) {
  const random = randomOf(seed);
  const clock = manualClock();
  const cells = memoryCells<NotificationState>();
  const posts: { mark: SlackMark; thread: string | undefined; ts: string; text: string; shows: string[] }[] = [];
  let trouble = 0.25;
  let ids = 0;
  let committed = 0;
  const chance = (probability: number) => random() < probability * trouble * 4;
  const turn = async () => {
    for (let left = Math.floor(random() * 6); left > 0; left--) await Promise.resolve();
    if (chance(0.04)) throw new Crash();
  };
  /** The far end acts or not, and its answer arrives or not. */
  const remote = async <T>(act: () => T): Promise<T> => {
    await turn();
    if (chance(0.06)) throw new SlackError('later', 'ratelimited', 'pause', { retryAfterMs: 1_000 });
    if (chance(0.05)) throw new SlackError('uncertain', 'no_answer', 'lost before');
    const result = act();
    await turn();
    if (chance(0.08)) throw new SlackError('uncertain', 'no_answer', 'lost after');
    return result;
  };
  const same = (a: SlackMark, b: SlackMark) => JSON.stringify(a) === JSON.stringify(b);
  const client: SlackClient = {
    post: ({ message, mark, thread }) =>
      remote(() => {
        const ts = String(posts.length);
        posts.push({ mark, thread, ts, text: message.text, shows: [message.text] });
        return { channel: 'C1', ts };
      }),
    update: ({ place, message }) =>
      remote(() => {
        const post = posts.find(({ ts }) => ts === place.ts);
        if (post === undefined) throw new Error('no such message');
        post.text = message.text;
        post.shows.push(message.text);
      }),
    findPosted: ({ mark }) =>
      remote(() => {
        const post = posts.find((one) => one.thread === undefined && same(one.mark, mark));
        return post === undefined ? undefined : { channel: 'C1', ts: post.ts };
      }),
    isInThread: ({ place, mark }) => remote(() => posts.some((one) => one.thread === place.ts && same(one.mark, mark))),
  };
  /** The revision is in what Slack shows: the message says how long the execution took. */
  const executionAt = (revision: number): Execution =>
    executionOf({
      revision,
      at: clock.now(),
      trigger: { ...executionOf().trigger, by: `revision ${revision}` },
      pipeline: `r${revision}`,
    });
  const tell = slackChannel({
    cells: {
      read: async (query) => {
        await turn();
        return cells.read(query);
      },
      write: async (command) => {
        await turn();
        const version = await cells.write(command);
        await turn();
        return version;
      },
    },
    store: { readExecution: async () => ({ value: executionAt(committed), version: '1' }), list: async () => [] },
    readPlan: async () => undefined,
    secrets: { get: async () => 'token' },
    client: () => client,
    clock,
    random: { id: () => String(ids++), fraction: random },
    log: recordingLog(),
    pageOf: (id) => `https://cd.example/${id}`,
  });

  let pending: number[] = [];
  for (let round = 0; round < MAXIMUM_ROUNDS; round++) {
    if (committed < REVISIONS) pending.push(++committed);
    else if (pending.length === 0) return { posts, cells };
    if (round > MAXIMUM_ROUNDS / 2) trouble = 0;
    const batch = pending.filter(() => random() < 0.7);
    pending = pending.filter((revision) => !batch.includes(revision));
    const twice = batch.flatMap((revision) => (chance(0.3) ? [revision, revision] : [revision]));
    const answers = await Promise.all(
      twice.map(async (revision) => {
        try {
          // Read at some moment since the announcement, so others may know newer ones.
          const execution = executionAt(revision + Math.floor(random() * (committed - revision + 1)));
          return await tell({ notify, transitions: [transition(revision, seed)], execution, plan: planOf() });
        } catch (error) {
          if (!(error instanceof Crash)) throw error;
          return 'later';
        }
      }),
    );
    // One acknowledgement of a message acknowledges all its deliveries.
    const isDone = (revision: number) => twice.some((one, index) => one === revision && answers[index] === 'done');
    pending.push(...batch.filter((revision) => !isDone(revision) || chance(0.05)));
    clock.advance(random() < 0.3 ? SLACK_LEASE_MS + 1 : random() * 5_000);
  }
  throw new Error(
    `seed ${seed}: announcements are still not told after ${MAXIMUM_ROUNDS} rounds: ${pending.join(', ')}`,
  );
}

describe('the Slack channel among hostile deliveries', () => {
  it('posts each thing once and ends with the newest shown, for every seed', { timeout: 60_000 }, async () => {
    for (const seed of SEEDS) {
      const { posts } = await play(seed);
      const told = `seed ${seed}`;
      const main = posts.filter(({ thread }) => thread === undefined);
      expect(main, told).toHaveLength(1);
      expect(main[0]?.text, told).toContain(`r${REVISIONS}`);
      const shown = (main[0]?.shows ?? []).map((text) => Number(/^r(\d+)/.exec(text)?.[1]));
      expect(shown, told).toEqual(shown.toSorted((a, b) => a - b));
      const details = posts.filter(({ thread }) => thread !== undefined).map(({ mark }) => mark.event_payload.revision);
      expect(details.toSorted(), told).toEqual(fails(seed) ? [3, 6, REVISIONS] : [3, 6]);
    }
  });
});
