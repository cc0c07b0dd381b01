/** The one request of a webhook: what is sent, with secrets looked up last and taken out of whatever comes back. */
import { checkedDurationMs } from '../../pipeline/duration.ts';
import { type StageContext, TerminalError } from '../kind.ts';
import { type AnswerData, bodyValue } from './answer-cel.ts';
import { BODILESS, MAXIMUM_KEPT_BODY_BYTES, type WebhookParameters } from './schema.ts';

/** A part of a secret that is at least this long, in characters, is taken out of answers too. */
const LEAST_TOKEN = 8;

export type Answer = {
  readonly status: number;
  /** The beginning of the body, to be kept. */
  readonly body: string;
  readonly retryAfterMs: number | undefined;
  /** The whole of it, for expressions. */
  readonly data: AnswerData;
};

/** One request: that of the stage, or another one that belongs to it. */
export type Sending = Pick<WebhookParameters, 'method' | 'url' | 'headers' | 'body' | 'request-timeout'> & {
  /** Asks for a call-back. */
  readonly 'wait-for-callback': boolean;
  /** Without a body of its own it tells what stage it comes from. */
  readonly tells: boolean;
};

/** `POST https://hooks.example.com/deployed`, without the query, which may hold what is not for everyone's eyes. */
export function describeRequest(parameters: Pick<Sending, 'method' | 'url'>): string {
  const { origin, pathname } = new URL(parameters.url);
  return `${parameters.method} ${origin}${pathname}`;
}

/** Sends the request under `key`. Throws what the HTTP client throws, and a TerminalError where a secret is missing. */
export async function send(parameters: Sending, key: string, context: StageContext): Promise<Answer> {
  const secrets: string[] = [];
  const headers: { [name: string]: string } = {};
  for (const [name, value] of Object.entries(parameters.headers)) {
    const text = typeof value === 'string' ? value : await secretValue(value.secret, name, context);
    if (typeof value !== 'string') secrets.push(text);
    headers[name.toLowerCase()] = text;
  }
  const { body, type } = bodyOf(parameters, context);
  const late = new AbortController();
  const timeout = parameters['request-timeout'];
  const cancelTimeout = context.clock.after(checkedDurationMs(timeout), () => {
    late.abort(new DOMException(`there was no answer within ${timeout}`, 'TimeoutError'));
  });
  const asking = context.http.request({
    method: parameters.method,
    url: parameters.url,
    headers: {
      ...(type === undefined ? {} : { 'content-type': type }),
      'user-agent': 'gennaker',
      ...headers,
      ...(context.trace === undefined ? {} : { traceparent: context.trace }),
      ...(context.callbackUrl === undefined || !parameters['wait-for-callback']
        ? {}
        : { 'gennaker-callback': context.callbackUrl }),
      'gennaker-execution': context.execution,
      'gennaker-stage': context.stage,
      'gennaker-attempt': String(context.attempt),
      'idempotency-key': key,
    },
    ...(body === undefined ? {} : { body }),
    signal: AbortSignal.any([context.signal, late.signal]),
  });
  const response = await asking.finally(cancelTimeout);
  const text = withoutSecrets(response.body, secrets);
  const told = Object.fromEntries(
    [...response.headers].map(([name, value]) => [name, withoutSecrets(value, secrets)] as const),
  );
  return {
    status: response.status,
    body: trim(text),
    data: { status: response.status, headers: told, body: bodyValue(text) },
    retryAfterMs: retryAfterMs(response.headers.get('retry-after'), context.clock.now()),
  };
}

async function secretValue(name: string, header: string, context: StageContext): Promise<string> {
  const value = await context.secrets.get({ name });
  if (value === undefined) {
    throw new TerminalError(`sending the header ${header}: there is no secret "${name}"; ask the admins to create it`);
  }
  if (/[\r\n\0]/.test(value.trim())) {
    throw new TerminalError(`sending the header ${header}: the secret "${name}" has more than one line`);
  }
  return value.trim();
}

function bodyOf(parameters: Sending, context: StageContext): { body?: string; type?: string } {
  const { body, method } = parameters;
  if (BODILESS.has(method) || (body === undefined && (method === 'DELETE' || !parameters.tells))) return {};
  if (typeof body === 'string') return { body, type: 'text/plain; charset=utf-8' };
  const { pipeline, execution, stage, attempt, images } = context;
  return { body: JSON.stringify(body ?? { pipeline, execution, stage, attempt, images }), type: 'application/json' };
}

/** A far end may answer with what it was sent. */
function withoutSecrets(text: string, secrets: readonly string[]): string {
  // The token of "Bearer …" is as secret as the whole header.
  const parts = secrets.flatMap((secret) => [
    secret,
    ...secret.split(/\s+/).filter((part) => part.length >= LEAST_TOKEN),
  ]);
  return parts.filter((part) => part !== '').reduce((rest, part) => rest.replaceAll(part, '***'), text);
}

function trim(text: string): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= MAXIMUM_KEPT_BODY_BYTES) return text;
  // A character that is cut in two becomes U+FFFD at the end, and is dropped.
  return bytes
    .subarray(0, MAXIMUM_KEPT_BODY_BYTES)
    .toString('utf8')
    .replace(/\uFFFD$/, '');
}

/** `Retry-After` in seconds or as a date, in ms from now; undefined where there is none that can be read. */
function retryAfterMs(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
