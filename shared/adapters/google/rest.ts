/**
 * Calls Google's APIs as JSON over HTTP. The client libraries answer a cold function's first Firestore request after
 * about 460 ms, 250 of them for loading the library; this answers it after about 60.
 */
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import { systemRandom } from '../system-random.ts';
import type { AccessToken } from './access-token.ts';

const REQUEST_TIMEOUT_MS = 10_000;
const TRIES = 4;
const FIRST_BACK_OFF_MS = 50;

/** The canonical names of https://cloud.google.com/apis/design/errors. */
type ApiStatus = string;

/** A call that an API refused or did not answer. The message says what was being done. */
export class GoogleApiError extends Error {
  override readonly name = 'GoogleApiError';
  readonly status: ApiStatus;

  constructor(status: ApiStatus, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.status = status;
  }
}

/** Whether `error` is an API's refusal with one of these statuses. */
export function hasStatus(error: unknown, statuses: ReadonlySet<ApiStatus>): error is GoogleApiError {
  return error instanceof GoogleApiError && statuses.has(error.status);
}

/** Where the call may or may not have taken effect, or asking again may well succeed. */
export const TRANSIENT: ReadonlySet<ApiStatus> = new Set([
  'ABORTED',
  'CANCELLED',
  'DEADLINE_EXCEEDED',
  'INTERNAL',
  'RESOURCE_EXHAUSTED',
  'UNAVAILABLE',
  'UNKNOWN',
]);

type Call = {
  /** What it is for, for errors: `reading executions/a`. */
  readonly doing: string;
  readonly url: string;
  readonly body: unknown;
};

export class GoogleApi {
  readonly #token: AccessToken;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor({ token, clock, random = systemRandom }: { token: AccessToken; clock: Clock; random?: Random }) {
    this.#token = token;
    this.#clock = clock;
    this.#random = random;
  }

  /** Posts `body` and resolves to the parsed answer. Throws GoogleApiError. */
  async call({ doing, url, body }: Call): Promise<unknown> {
    const token = await this.#token();
    let response: Response;
    let text: string;
    try {
      response = await fetch(url, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
      text = await response.text();
    } catch (error) {
      const isTimeout = error instanceof Error && error.name === 'TimeoutError';
      const why = isTimeout ? `no answer within ${REQUEST_TIMEOUT_MS} ms` : 'the connection failed';
      throw new GoogleApiError(isTimeout ? 'DEADLINE_EXCEEDED' : 'UNAVAILABLE', `${doing}: ${why}`, { cause: error });
    }
    if (!response.ok) throw refusal(doing, response.status, text);
    return JSON.parse(text);
  }

  /** As `call`, but asks again, a few times, after failures that may pass. For what may safely be done twice. */
  async callRepeatedly(call: Call): Promise<unknown> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.call(call);
      } catch (error) {
        if (tries === TRIES || !hasStatus(error, TRANSIENT)) throw error;
      }
      await this.backOff({ tries });
    }
  }

  /** Waits between 50 % and 100 % of 50 ms · 2^(tries-1). */
  backOff({ tries }: { tries: number }): Promise<void> {
    const ms = FIRST_BACK_OFF_MS * 2 ** (tries - 1) * (0.5 + this.#random.fraction() / 2);
    return new Promise((resolve) => {
      this.#clock.after(ms, resolve);
    });
  }
}

/** Streaming methods wrap their error in an array; a proxy in between may answer anything. */
function refusal(doing: string, httpStatus: number, text: string): GoogleApiError {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined;
  }
  const answer = (Array.isArray(parsed) ? parsed[0] : parsed) as
    | { error?: { status?: ApiStatus; message?: string } }
    | undefined;
  const status = answer?.error?.status ?? (httpStatus >= 500 ? 'UNAVAILABLE' : `HTTP_${httpStatus}`);
  return new GoogleApiError(status, `${doing}: ${status} ${answer?.error?.message ?? `(HTTP ${httpStatus})`}`);
}
