/** Sends one request, under one key however often it is sent, and waits for the call-back where one is asked for. */
import type { Input, Outcome } from '../../core/run.ts';
import { checkedDurationMs, formatDuration } from '../../pipeline/duration.ts';
import { HttpRefused, HttpUnreachable } from '../http-client.ts';
import { type StageContext, TerminalError } from '../kind.ts';
import { describeMoment } from '../moments.ts';
import { type Answer, describeRequest, send } from './request.ts';
import { callbackValue, type WebhookCursor, type WebhookOutputs, type WebhookParameters } from './schema.ts';

/** The name under which a far end calls back. */
export const CALLBACK_SIGNAL = 'callback';
/** How often a far end may put us off with Retry-After, and for how long each time. */
const MAXIMUM_REQUESTS = 10;
const MAXIMUM_RETRY_AFTER_MS = checkedDurationMs('10m');
const RETRYABLE_STATUSES: ReadonlySet<number> = new Set([408, 425, 429]);

type Result = Outcome<WebhookCursor, WebhookOutputs>;

export async function step(
  parameters: WebhookParameters,
  at: { cursor: WebhookCursor | undefined; input: Input },
  context: StageContext,
): Promise<Result> {
  if (at.cursor?.is === 'waiting-for-callback') return awaitCallback(parameters, at.cursor, at.input, context);
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
    const answer = await send(parameters, key, context);
    return judge({ parameters, answer, place, key, requests, context });
  } catch (error) {
    if (error instanceof HttpRefused) return failed('remote-refused', error.message, 'giveUp');
    if (error instanceof TerminalError) return failed('invalid-parameters', error.message, 'giveUp');
    if (error instanceof HttpUnreachable) return failed('remote-unreachable', error.message, 'sameStep');
    throw error;
  }
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
    if (!parameters['wait-for-callback']) return { is: 'succeeded', outputs: { status, body } };
    const until = context.clock.now() + checkedDurationMs(parameters['callback-within']);
    return waitForCallback({ version: 1, is: 'waiting-for-callback', until, status, body }, place, context);
  }
  if (!RETRYABLE_STATUSES.has(status) && status < 500) {
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
    return { is: 'succeeded', outputs: { status: cursor.status, body: cursor.body, callback: value } };
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
): Result {
  return { is: 'failed', reason: { code, text }, then: next };
}
