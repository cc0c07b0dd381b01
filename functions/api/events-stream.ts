/** Server-sent events: how one is written, and a stream that stays alive while nothing happens. */
import type { Clock } from '../../shared/ports/clock.ts';
import type { Reply } from './http.ts';

/** Proxies close connections that are silent for a minute or so. */
export const HEARTBEAT_MS = 15_000;
/** Below the request timeout of serverless platforms; the client connects again by itself. */
export const MAXIMUM_STREAM_MS = 10 * 60_000;
const RECONNECT_MS = 2_000;

export type ServerSentEvent = { readonly event: string; readonly id?: string; readonly data: unknown };

export function formatEvent({ event, id, data }: ServerSentEvent): string {
  // JSON in one line: a line break in the data would end the field.
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** A reply that sends what `events` yields. It ends with them, with the client, or after MAXIMUM_STREAM_MS. */
export function eventStream(options: {
  clock: Clock;
  signal: AbortSignal;
  events: (signal: AbortSignal) => AsyncIterable<ServerSentEvent>;
}): Reply {
  return {
    status: 200,
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    },
    body: formatted(options),
  };
}

async function* formatted({ clock, signal, events }: Parameters<typeof eventStream>[0]): AsyncGenerator<string> {
  const over = new AbortController();
  const stop = () => over.abort();
  const cancelTimer = clock.after(MAXIMUM_STREAM_MS, stop);
  signal.addEventListener('abort', stop, { once: true });
  const source = events(over.signal)[Symbol.asyncIterator]();
  let next = source.next();
  try {
    yield `retry: ${RECONNECT_MS}\n\n`;
    while (!over.signal.aborted) {
      const { wait, cancel } = heartbeat(clock, over.signal);
      const result = await Promise.race([next, wait]).finally(cancel);
      if (result === 'silent') {
        yield ': still here\n\n';
        continue;
      }
      if (result.done) return;
      yield formatEvent(result.value);
      next = source.next();
    }
  } finally {
    cancelTimer();
    signal.removeEventListener('abort', stop);
    over.abort();
    // The source may be in the middle of a read that now fails: nobody is left to hear of it.
    await Promise.allSettled([next, source.return?.()]);
  }
}

function heartbeat(clock: Clock, signal: AbortSignal): { wait: Promise<'silent'>; cancel: () => void } {
  const { promise, resolve } = Promise.withResolvers<'silent'>();
  const wake = () => resolve('silent');
  const cancelTimer = clock.after(HEARTBEAT_MS, wake);
  signal.addEventListener('abort', wake, { once: true });
  return {
    wait: promise,
    cancel: () => {
      cancelTimer();
      signal.removeEventListener('abort', wake);
    },
  };
}
