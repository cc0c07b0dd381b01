/** Sends one request, under one key however often it is sent, and waits for the call-back where one is asked for. */
import type { Input, Outcome } from '../../core/run.ts';
import { checkedDurationMs, formatDuration } from '../../pipeline/duration.ts';
import { HttpRefused, HttpUnreachable } from '../http-client.ts';
import { type StageContext, TerminalError } from '../kind.ts';
import { describeMoment } from '../moments.ts';
import { isTrueOf, valueIn } from './answer-cel.ts';
import { type Answer, describeRequest, send } from './request.ts';
import { callbackValue, type WebhookCursor, type WebhookOutputs, type WebhookParameters } from './schema.ts';

/** The name under which a far end calls back. */
export const CALLBACK_SIGNAL = 'callback';
/** How often a far end may put us off with Retry-After, and for how long each time. */
const MAXIMUM_REQUESTS = 10;
const MAXIMUM_RETRY_AFTER_MS = checkedDurationMs('10m');
const MAXIMUM_URL = 2_000;
/** Of what a far end says of its progress, in characters. */
const MAXIMUM_PROGRESS = 200;
const RETRYABLE_STATUSES: ReadonlySet<number> = new Set([408, 425, 429]);

type Result = Outcome<WebhookCursor, WebhookOutputs>;

export async function step(
  parameters: WebhookParameters,
  at: { cursor: WebhookCursor | undefined; input: Input },
  context: StageContext,
): Promise<Result> {
  if (at.cursor?.is === 'waiting-for-callback') return awaitCallback(parameters, at.cursor, at.input, context);
  if (at.cursor?.is === 'polling') return look(parameters, at.cursor, context);
  const place = describeRequest(parameters);
  if (!context.mayWrite()) {
    return failed('fenced-off', `${place} was not sent: this worker no longer holds the step`, 'sameStep');
  }
  if (parameters['wait-for-callback'] && context.callbackUrl === undefined) {
    const text = `${place} was not sent: nobody can call this system back; ask the admins to set the secret callback-key`;
    return failed('invalid-parameters', text, 'giveUp');
  }
  const key = at.cursor?.key ?? context.key;
  const requests = (at.cursor?.requests ?? 0) + 1;
  try {
    const answer = await send({ ...parameters, tells: true }, key, context);
    return judge({ parameters, answer, place, key, requests, context });
  } catch (error) {
    return failureOf(error);
  }
}

/** What a request that could not be made means for the stage. Throws what it does not know. */
function failureOf(error: unknown): Extract<Result, { is: 'failed' }> {
  if (error instanceof HttpRefused) return failed('remote-refused', error.message, 'giveUp');
  if (error instanceof TerminalError) return failed('invalid-parameters', error.message, 'giveUp');
  if (error instanceof HttpUnreachable) return failed('remote-unreachable', error.message, 'sameStep');
  throw error;
}

function judge(command: {
  parameters: WebhookParameters;
  answer: Answer;
  place: string;
  key: string;
  requests: number;
  context: StageContext;
}): Result {
  const { parameters, answer, place, key, requests, context } = command;
  const { status, body } = answer;
  const text = `${place} answered ${status}`;
  const isSuccess = parameters.success?.includes(status) ?? (status >= 200 && status <= 299);
  if (isSuccess) {
    const { poll, cancel } = parameters;
    const now = context.clock.now();
    const cancelUrl = cancel === undefined ? {} : { cancelUrl: addressOf(cancel, 'cancel', parameters, answer) };
    if (parameters['wait-for-callback']) {
      const until = now + checkedDurationMs(parameters['callback-within']);
      return waitForCallback(
        { version: 1, is: 'waiting-for-callback', until, status, body, ...cancelUrl },
        place,
        context,
      );
    }
    if (poll === undefined) return ended(parameters, answer, place);
    const until = now + checkedDurationMs(poll.within);
    const url = addressOf(poll, 'poll', parameters, answer);
    return pollLater(parameters, { version: 1, is: 'polling', until, url, ...cancelUrl }, undefined, context);
  }
  if (!isRetryable(parameters, status)) {
    return failed('remote-refused', `${text}, which is not a success`, 'giveUp');
  }
  if (answer.retryAfterMs === undefined) return failed('remote-unreachable', text, 'sameStep');
  if (requests >= MAXIMUM_REQUESTS) {
    return failed('retries-exhausted', `${text} and asked for patience ${requests} times`, 'newAttempt');
  }
  const until = context.clock.now() + Math.min(answer.retryAfterMs, MAXIMUM_RETRY_AFTER_MS);
  return {
    is: 'waiting',
    for: { until },
    cursor: { version: 1, is: 'asked-to-wait', key, requests },
    reason: {
      code: 'retry-back-off',
      text: `${text} and asked to be asked again at ${describeMoment(until)}`,
      unblock: `gennaker cancel ${context.execution}`,
    },
  };
}

function isRetryable(parameters: WebhookParameters, status: number): boolean {
  return parameters['retry-on']?.includes(status) ?? (RETRYABLE_STATUSES.has(status) || status >= 500);
}

/** The stage's end as the last answer tells it. Throws TerminalError where an expression has no value. */
function ended(parameters: WebhookParameters, { status, body, data }: Answer, place: string): Result {
  const { result, 'success-if': condition } = parameters;
  if (condition !== undefined && !isTrueOf(condition, 'success-if', data)) {
    return failed('remote-refused', `${place} answered ${status}, and ${condition} is false`, 'newAttempt');
  }
  return {
    is: 'succeeded',
    outputs: { status, body, ...(result === undefined ? {} : { result: valueIn(result, 'result', data) }) },
  };
}

/** Secrets go along in headers, so what an answer tells may not lead them to another host. */
function addressOf(
  { url, 'url-from': from }: { readonly url?: string | undefined; readonly 'url-from'?: string | undefined },
  name: string,
  parameters: WebhookParameters,
  answer: Answer,
): string {
  if (from === undefined) return url ?? parameters.url;
  const parameter = `${name}.url-from`;
  const told = valueIn(from, parameter, answer.data);
  if (typeof told !== 'string' || told.length > MAXIMUM_URL || !URL.canParse(told, parameters.url)) {
    throw new TerminalError(`${parameter}: ${from} gives no URL.`);
  }
  const address = new URL(told, parameters.url);
  if (address.origin !== new URL(parameters.url).origin) {
    throw new TerminalError(
      `${parameter}: the answer leads to ${address.origin}, another place than the request went.`,
    );
  }
  return address.href;
}

type Polling = Extract<WebhookCursor, { is: 'polling' }>;

/** Asks the far end once how far it is. */
async function look(parameters: WebhookParameters, cursor: Polling, context: StageContext): Promise<Result> {
  const { poll } = parameters;
  if (poll === undefined) throw new TerminalError('The stage polls, and its parameters say nothing of it.');
  const asking = { ...parameters, method: 'GET', url: cursor.url, body: undefined, tells: false } as const;
  const place = describeRequest(asking);
  const isOver = context.clock.now() >= cursor.until;
  try {
    const answer = await send({ ...asking, 'wait-for-callback': false }, context.key, context);
    const { status, data } = answer;
    if (status < 200 || status > 299) {
      const text = `${place} answered ${status}`;
      if (!isRetryable(parameters, status))
        return failed('remote-refused', `${text}, which is not a success`, 'giveUp');
      if (isOver) return failed('remote-unreachable', text, 'newAttempt');
      return pollLater(parameters, cursor, text, context);
    }
    if (isTrueOf(poll['done-if'], 'poll.done-if', data)) return ended(parameters, answer, place);
    if (isOver) return failed('retries-exhausted', `${place} was not done within ${poll.within}`, 'newAttempt');
    return pollLater(parameters, cursor, progressIn(parameters, data), context);
  } catch (error) {
    if (error instanceof HttpUnreachable && !isOver) return pollLater(parameters, cursor, error.message, context);
    return failureOf(error);
  }
}

/** Undefined where the answer says nothing of it yet. */
function progressIn({ progress }: WebhookParameters, data: Answer['data']): string | undefined {
  if (progress === undefined) return undefined;
  try {
    const value = valueIn(progress, 'progress', data);
    return (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, MAXIMUM_PROGRESS);
  } catch (error) {
    if (error instanceof TerminalError) return undefined;
    throw error;
  }
}

function pollLater(
  parameters: WebhookParameters,
  cursor: Polling,
  progress: string | undefined,
  context: StageContext,
): Result {
  const everyMs = checkedDurationMs(parameters.poll?.every ?? '10s');
  const more = progress === undefined ? '' : `: ${progress}`;
  return {
    is: 'waiting',
    for: { until: Math.max(context.clock.now() + 1, Math.min(context.clock.now() + everyMs, cursor.until)) },
    cursor,
    reason: {
      code: 'remote-in-progress',
      text: `${describeRequest({ method: 'GET', url: cursor.url })} is not done yet${more}`,
      unblock: `gennaker cancel ${context.execution}`,
    },
  };
}

type Waiting = Extract<WebhookCursor, { is: 'waiting-for-callback' }>;

function waitForCallback(cursor: Waiting, place: string, context: StageContext): Result {
  return {
    is: 'waiting',
    for: { signal: CALLBACK_SIGNAL, until: cursor.until },
    cursor,
    reason: {
      code: 'signal-not-received',
      text: `${place} answered ${cursor.status}; its call-back may come until ${describeMoment(cursor.until)}`,
      unblock: `gennaker cancel ${context.execution}`,
    },
  };
}

function awaitCallback(parameters: WebhookParameters, cursor: Waiting, input: Input, context: StageContext): Result {
  const place = describeRequest(parameters);
  if (input.by === 'signal' && input.signal.name === CALLBACK_SIGNAL) {
    const { value } = input.signal;
    const parsed = callbackValue.safeParse(value ?? {});
    if (!parsed.success) {
      const text = `${place} called back with something that is neither empty nor { result: succeeded or failed, text }`;
      return failed('remote-refused', text, 'giveUp');
    }
    const { result, text } = parsed.data;
    if (result === 'failed') {
      return failed(
        'remote-refused',
        `${place} called back that it failed${text === undefined ? '' : `: ${text}`}`,
        'giveUp',
      );
    }
    const { status, body } = cursor;
    const { result: wanted, 'success-if': condition } = parameters;
    try {
      const brought = { status, headers: {}, body: value };
      if (condition !== undefined && !isTrueOf(condition, 'success-if', brought)) {
        return failed('remote-refused', `${place} called back, and ${condition} is false`, 'giveUp');
      }
      const more = wanted === undefined ? {} : { result: valueIn(wanted, 'result', brought) };
      return { is: 'succeeded', outputs: { status, body, callback: value, ...more } };
    } catch (error) {
      return failureOf(error);
    }
  }
  if (context.clock.now() < cursor.until) return waitForCallback(cursor, place, context);
  const within = formatDuration(checkedDurationMs(parameters['callback-within']));
  return failed('signal-not-received', `${place} did not call back within ${within}`, 'newAttempt');
}

function failed(
  code:
    | 'fenced-off'
    | 'remote-refused'
    | 'invalid-parameters'
    | 'remote-unreachable'
    | 'retries-exhausted'
    | 'signal-not-received',
  text: string,
  next: 'giveUp' | 'newAttempt' | 'sameStep',
): Extract<Result, { is: 'failed' }> {
  return { is: 'failed', reason: { code, text }, then: next };
}
