/**
 * One message for each execution and Slack channel, edited as the execution goes, and posted once however often and in
 * whatever order announcements come: whoever sends holds the cell's claim, and a claim that follows a broken one looks
 * in Slack first.
 */
import { z } from 'zod';
import type { NotifyPlan, Plan } from '../core/plan.ts';
import type { Execution, Transition } from '../core/run.ts';
import type { Answer } from '../ports/bus.ts';
import type { Cells, NotificationState } from '../ports/cells.ts';
import type { Clock } from '../ports/clock.ts';
import type { ExecutionStore, Version } from '../ports/execution-store.ts';
import type { Log } from '../ports/log.ts';
import type { Random } from '../ports/random.ts';
import type { Secrets } from '../ports/secrets.ts';
import { describeExecution } from '../use-cases/describe-execution.ts';
import { previousImages, type ReadPlan } from '../use-cases/previous-release.ts';
import type { Notice, Tell } from './channel.ts';
import { isAskedFor, needsDetail } from './moments.ts';
import { renderSlackDetail, renderSlackMessage } from './render-slack.ts';
import {
  SLACK_REQUEST_TIMEOUT_MS,
  type SlackClient,
  SlackError,
  type SlackMark,
  type SlackPlace,
} from './slack-client.ts';

export type SlackNotify = Extract<NotifyPlan, { slack: string }>;

export type SlackChannelPorts = {
  readonly cells: Cells<NotificationState>;
  readonly store: Pick<ExecutionStore, 'readExecution' | 'list'>;
  readonly readPlan: ReadPlan;
  readonly secrets: Secrets;
  readonly client: (token: string) => SlackClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly pageOf: (execution: string) => string;
};

export const SLACK_TOKEN_SECRET = 'slack-token';
export const SLACK_LEASE_MS = 60_000;
/** A write is begun only while it is sure to be answered, or given up, within the lease. */
const WRITE_NEEDS_MS = SLACK_REQUEST_TIMEOUT_MS + 5_000;
/** A longer pause is asked for again, so that one odd answer holds no message back for long. */
const MAXIMUM_PAUSE_MS = 5 * 60_000;
/** Clocks differ: the look for an earlier post begins this much before the execution does. */
const CLOCK_SKEW_MS = 5 * 60_000;
const MAXIMUM_CONFLICTS = 20;
/** How often one holder shows what was announced while it sent. */
const MAXIMUM_ROUNDS = 5;
/** Posts in one thread. An execution that asks more often than this is read on its page. */
export const MAXIMUM_DETAILS = 50;

const FRESH: NotificationState = { format: 1, revision: 0, tries: 0, details: [] };

type Claim = { readonly by: string; readonly until: number };
/** `before` is the state that the claim was made on. */
type Claimed = { readonly before: NotificationState; readonly version: Version; readonly claim: Claim };

/** What Slack is known to show; it grows while a holder sends, so that a failure half-way records the half. */
type Shown = {
  place?: SlackPlace;
  before?: Plan['images'];
  revision: number;
  details: number[];
  /** The first post was begun by an earlier holder and has not been looked for yet. */
  isPostUnknown: boolean;
  /** Posts in the thread that an earlier holder began and that have not been looked for yet. */
  unknownDetails: Set<number>;
};

/** The time left in the lease is too short to begin a write; nothing was sent by the one who throws it. */
class LeaseRunsOut extends Error {
  override readonly name = 'LeaseRunsOut';
}

export function slackChannel(ports: SlackChannelPorts): Tell<SlackNotify> {
  return async (notice) => {
    const key = `slack/${notice.execution.id}/${notice.notify.slack}`;
    const claimed = await claim(ports, key, notice);
    return typeof claimed === 'string' ? claimed : await hold(ports, key, notice, claimed);
  };
}

/** The details of this notice that belong in the thread and were not seen to be posted. */
function missingDetails(notice: Notice<SlackNotify>, posted: readonly number[]): readonly Transition[] {
  const missing = notice.transitions.filter(
    (transition) =>
      needsDetail(transition) && isAskedFor(transition, notice.notify.when) && !posted.includes(transition.revision),
  );
  return missing.slice(0, Math.max(0, MAXIMUM_DETAILS - posted.length));
}

/** Every claim of one announcement starts alike, so that a second delivery of it knows its own first one. */
function claimPrefix(notice: Notice): string {
  return `${notice.transitions.at(-1)?.revision ?? 0}#`;
}

/**
 * The right to send, or the answer where there is nothing to send or someone else is at it. The holder of a live claim
 * is told what to show as well, and then this announcement is done: the holder's own is not acknowledged before that is
 * shown, or comes again and shows the execution as it is then.
 */
async function claim(ports: SlackChannelPorts, key: string, notice: Notice<SlackNotify>): Promise<Claimed | Answer> {
  const { revision } = notice.execution;
  for (let conflicts = 0; conflicts < MAXIMUM_CONFLICTS; conflicts++) {
    const cell = await ports.cells.read({ key });
    const state = cell?.value ?? FRESH;
    const expected = cell?.version ?? 'absent';
    const details = missingDetails(notice, state.details);
    const isShown = state.posted !== undefined && state.revision >= revision && details.length === 0;
    // A broken first post is mended by whoever comes next, also by one that would not have begun it.
    const isWanted =
      state.posted !== undefined ||
      state.tries > 0 ||
      notice.transitions.some((transition) => isAskedFor(transition, notice.notify.when));
    if (isShown || !isWanted) return 'done';

    const now = ports.clock.now();
    if (state.claim !== undefined && state.claim.until > now) {
      if (state.claim.by.startsWith(claimPrefix(notice)) || details.length > 0) return 'later';
      if ((state.asked ?? 0) >= revision) return 'done';
      if ((await ports.cells.write({ key, value: { ...state, asked: revision }, expected })) !== 'conflict')
        return 'done';
    } else {
      const mine = { by: claimPrefix(notice) + ports.random.id(), until: now + SLACK_LEASE_MS };
      const begun = [...new Set([...(state.begun ?? []), ...details.map((transition) => transition.revision)])];
      const tries = state.posted === undefined ? state.tries + 1 : 0;
      const value: NotificationState = { ...state, claim: mine, tries, begun };
      const version = await ports.cells.write({ key, value, expected });
      if (version !== 'conflict') return { before: state, version, claim: mine };
    }
  }
  ports.log.write('WARNING', 'a notification is sent again later', { key, conflicts: MAXIMUM_CONFLICTS });
  return 'later';
}

/** Sends and records, and once more for what was asked for meanwhile. */
async function hold(
  ports: SlackChannelPorts,
  key: string,
  notice: Notice<SlackNotify>,
  claimed: Claimed,
): Promise<Answer> {
  const { before } = claimed;
  const shown: Shown = {
    ...readPosted(before),
    revision: before.revision,
    details: [...before.details],
    isPostUnknown: before.posted === undefined && before.tries > 0,
    unknownDetails: new Set(before.begun),
  };
  // An earlier holder may have shown a newer revision than this announcement knows of.
  const isTakenOver = before.claim !== undefined;
  let execution = isTakenOver ? await reread(ports, notice.execution) : notice.execution;
  let { version } = claimed;
  for (let round = 0; round < MAXIMUM_ROUNDS; round++) {
    const failure = await failureOf(send(ports, { ...notice, execution }, claimed, shown));
    const verdict = judge(ports, notice, failure);
    if (verdict.is === 'uncertain') return 'later';
    const value = recordOf(shown, verdict.is === 'paused' ? { ...claimed.claim, until: verdict.until } : undefined);
    if ((await ports.cells.write({ key, value, expected: version })) !== 'conflict') return verdict.answer;

    const cell = await ports.cells.read({ key });
    // Someone took over and looks in Slack first, so what was sent is found there.
    if (cell?.value.claim?.by !== claimed.claim.by) return verdict.answer;
    version = cell.version;
    execution = await reread(ports, execution);
  }
  // The claim runs out by itself, and the next holder looks first.
  return 'later';
}

async function reread(ports: SlackChannelPorts, execution: Execution): Promise<Execution> {
  return (await ports.store.readExecution({ id: execution.id }))?.value ?? execution;
}

/** Brings Slack up to the notice: the message first, then the posts in its thread. */
async function send(
  ports: SlackChannelPorts,
  notice: Notice<SlackNotify>,
  claimed: Claimed,
  shown: Shown,
): Promise<void> {
  const { execution, plan, notify } = notice;
  const client = ports.client(await readToken(ports.secrets));
  const requireTime = () => {
    const left = claimed.claim.until - ports.clock.now();
    if (left < WRITE_NEEDS_MS)
      throw new LeaseRunsOut(`${left} ms of the claim are left, a write needs ${WRITE_NEEDS_MS} ms`);
  };
  shown.before ??= (await previousImages(ports, execution)) ?? {};
  const detail = describeExecution({ execution, plan, before: shown.before });
  const page = ports.pageOf(execution.id);
  const mark: SlackMark = { event_type: 'gennaker_execution', event_payload: { execution: execution.id } };

  if (shown.isPostUnknown) {
    const place = await client.findPosted({ channel: notify.slack, mark, since: execution.createdAt - CLOCK_SKEW_MS });
    if (place !== undefined) shown.place = place;
    shown.isPostUnknown = false;
  }
  if (shown.place === undefined) {
    requireTime();
    shown.place = await client.post({ channel: notify.slack, message: renderSlackMessage(detail, page), mark });
    shown.revision = execution.revision;
  } else if (shown.revision < execution.revision) {
    requireTime();
    await client.update({ place: shown.place, message: renderSlackMessage(detail, page), mark });
    shown.revision = execution.revision;
  }

  for (const transition of missingDetails(notice, shown.details)) {
    const { revision } = transition;
    const detailMark = { event_type: 'gennaker_detail', event_payload: { execution: execution.id, revision } };
    const isThere =
      shown.unknownDetails.has(revision) && (await client.isInThread({ place: shown.place, mark: detailMark }));
    shown.unknownDetails.delete(revision);
    if (!isThere) {
      requireTime();
      await client.post({
        channel: shown.place.channel,
        message: renderSlackDetail(detail, transition, page),
        mark: detailMark,
        thread: shown.place.ts,
        broadcast: transition.status === 'failed',
      });
    }
    shown.details.push(revision);
  }
}

async function readToken(secrets: Secrets): Promise<string> {
  const token = await secrets.get({ name: SLACK_TOKEN_SECRET });
  if (token !== undefined) return token;
  const message = `Slack cannot be reached: there is no secret ${SLACK_TOKEN_SECRET}; store the app's bot token under that name`;
  throw new SlackError('refused', 'no_token', message);
}

type Failure = SlackError | LeaseRunsOut;

async function failureOf(sending: Promise<void>): Promise<Failure | undefined> {
  try {
    await sending;
    return undefined;
  } catch (error) {
    if (error instanceof SlackError || error instanceof LeaseRunsOut) return error;
    throw error;
  }
}

/** `recorded`: what was sent is known. `paused`: so too, and nobody sends before `until`. */
type Verdict =
  | { readonly is: 'recorded'; readonly answer: Answer }
  | { readonly is: 'paused'; readonly answer: 'later'; readonly until: number }
  | { readonly is: 'uncertain' };

function judge(ports: SlackChannelPorts, notice: Notice<SlackNotify>, failure: Failure | undefined): Verdict {
  if (failure === undefined) return { is: 'recorded', answer: 'done' };
  const fields = { execution: notice.execution.id, channel: notice.notify.slack, problem: failure.message };
  if (failure instanceof LeaseRunsOut) {
    ports.log.write('INFO', 'a notification is sent again later', fields);
    return { is: 'recorded', answer: 'later' };
  }
  switch (failure.kind) {
    case 'uncertain':
      // The claim stays until its lease ends: by then a request that is still on its way has landed and can be seen.
      ports.log.write('WARNING', 'a notification may not have been sent', fields);
      return { is: 'uncertain' };
    case 'later': {
      const pauseMs = Math.min(failure.retryAfterMs, MAXIMUM_PAUSE_MS);
      ports.log.write('INFO', 'a notification is sent again later', { ...fields, pauseMs });
      return { is: 'paused', answer: 'later', until: ports.clock.now() + pauseMs };
    }
    case 'refused':
      ports.log.write('WARNING', 'a notification was not sent', { ...fields, code: failure.code });
      return { is: 'recorded', answer: 'done' };
  }
}

const images = z.record(z.string(), z.object({ repository: z.string(), tag: z.string(), digest: z.string() }));

function readPosted(state: NotificationState): Pick<Shown, 'place' | 'before'> {
  const { channel, ts, before } = state.posted ?? {};
  if (channel === undefined || ts === undefined) return {};
  return { place: { channel, ts }, ...(before !== undefined && { before: images.parse(JSON.parse(before)) }) };
}

function recordOf(shown: Shown, claim: Claim | undefined): NotificationState {
  const { place, before = {}, revision, details, isPostUnknown, unknownDetails } = shown;
  return {
    format: 1,
    ...(place !== undefined && { posted: { channel: place.channel, ts: place.ts, before: JSON.stringify(before) } }),
    revision,
    ...(claim !== undefined && { claim }),
    tries: isPostUnknown ? 1 : 0,
    details,
    ...(unknownDetails.size > 0 && { begun: [...unknownDetails] }),
  };
}
