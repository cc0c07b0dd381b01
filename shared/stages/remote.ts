/** What kinds share that start a job in another system and follow it: bounded requests, and trouble told from refusal. */
import type { Json } from '../core/json.ts';
import type { Outcome } from '../core/run.ts';
import { checkedDurationMs } from '../pipeline/duration.ts';
import { HttpRefused, HttpUnreachable } from './http-client.ts';
import { type StageContext, TerminalError } from './kind.ts';

/** How long one request may take, in ms. */
const REQUEST_MS = checkedDurationMs('15s');
/** Of an answer, in an error's message. */
const MAXIMUM_SHOWN = 200;

/** The far end gives no answer that says anything. Asking again later may succeed; it may have acted all the same. */
export class RemoteTrouble extends Error {
  override readonly name = 'RemoteTrouble';
}

export type RemoteRequest = {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: { readonly [name: string]: string };
  readonly body?: string;
};
export type RemoteAnswer = { readonly status: number; readonly headers: Headers; readonly body: string };

/** One request. Throws RemoteTrouble, and TerminalError for a place that is not allowed or who asks. */
export async function ask(context: StageContext, request: RemoteRequest): Promise<RemoteAnswer> {
  const { http, clock, signal } = context;
  const { origin, pathname } = new URL(request.url);
  const place = `${request.method} ${origin}${pathname}`;
  const late = new AbortController();
  const cancelTimeout = clock.after(REQUEST_MS, () => late.abort(new DOMException('no answer', 'TimeoutError')));
  try {
    const answer = await http.request({ ...request, signal: AbortSignal.any([signal, late.signal]) });
    if (answer.status === 429 || answer.status >= 500 || isTooOften(answer)) {
      throw new RemoteTrouble(`${place} answered ${answer.status}`);
    }
    if (answer.status === 401 || answer.status === 403) {
      throw new TerminalError(`${place} answered ${answer.status}: the credentials do not allow it.`);
    }
    return answer;
  } catch (error) {
    if (error instanceof HttpUnreachable) throw new RemoteTrouble(error.message, { cause: error });
    if (error instanceof HttpRefused) throw new TerminalError(`${error.message}.`, { cause: error });
    throw error;
  } finally {
    cancelTimeout();
  }
}

/** GitHub answers 403 to whoever asks too often, too, and only headers tell it from one who may not ask. */
function isTooOften({ status, headers }: RemoteAnswer): boolean {
  return status === 403 && (headers.has('retry-after') || headers.get('x-ratelimit-remaining') === '0');
}

/** The error of an answer that is none of those that were expected. */
export function unexpected(request: Pick<RemoteRequest, 'method' | 'url'>, answer: RemoteAnswer): TerminalError {
  const { origin, pathname } = new URL(request.url);
  const body = answer.body.replaceAll(/\s+/gu, ' ').trim().slice(0, MAXIMUM_SHOWN);
  return new TerminalError(
    `${request.method} ${origin}${pathname} answered ${answer.status}${body === '' ? '' : `: ${body}`}.`,
  );
}

/** Parses an answer as JSON. Throws TerminalError. */
export function jsonOf(request: Pick<RemoteRequest, 'method' | 'url'>, answer: RemoteAnswer): Json {
  try {
    return JSON.parse(answer.body) as Json;
  } catch (cause) {
    const { origin, pathname } = new URL(request.url);
    throw new TerminalError(`${request.method} ${origin}${pathname} answered something that is not JSON.`, { cause });
  }
}

/** The value of the secret. Throws TerminalError where there is none. */
export async function secretOf(context: StageContext, name: string): Promise<string> {
  const value = (await context.secrets.get({ name }))?.trim();
  if (value !== undefined && value !== '' && !/[\r\n\0]/u.test(value)) return value;
  throw new TerminalError(`There is no secret "${name}" of one line; ask the admins to create it.`);
}

/** Tells the job of one attempt from every other: it is sent along, and looked for before another job is started. */
export function jobKey({ execution, stage, attempt }: StageContext): string {
  return `${execution}/${stage}/${attempt}`;
}

/** Between two looks, and what people read meanwhile. */
export function lookLater<C>(
  cursor: C,
  context: StageContext,
  { text, everyMs }: { readonly text: string; readonly everyMs: number },
): Extract<Outcome<C, never>, { is: 'waiting' }> {
  return {
    is: 'waiting',
    for: { until: context.clock.now() + everyMs },
    cursor,
    reason: { code: 'remote-in-progress', text, unblock: `gennaker cancel ${context.execution}` },
  };
}

/** Does the work; while the job is known, trouble of the far end is waited out, and before that the step is repeated. */
export async function throughTrouble<C, O>(
  work: () => Promise<Outcome<C, O>>,
  cursor: C | undefined,
  context: StageContext,
  everyMs: number,
): Promise<Outcome<C, O>> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof RemoteTrouble)) throw error;
    if (cursor !== undefined) return lookLater(cursor, context, { text: error.message, everyMs });
    return { is: 'failed', reason: { code: 'remote-unreachable', text: error.message }, then: 'sameStep' };
  }
}

/** The outcome of a worker that may no longer write. */
export function fencedOff(what: string): Extract<Outcome<never, never>, { is: 'failed' }> {
  const text = `${what} was not started: this worker no longer holds the step`;
  return { is: 'failed', reason: { code: 'fenced-off', text }, then: 'sameStep' };
}
