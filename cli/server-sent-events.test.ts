import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readServerSentEvents, type ServerSentEvent } from './server-sent-events.ts';

async function* chunks(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  let from = 0;
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    const to = Math.min(cut, bytes.length);
    yield bytes.subarray(from, Math.max(from, to));
    from = Math.max(from, to);
  }
  yield bytes.subarray(from);
}

async function read(text: string, cuts: readonly number[] = []): Promise<ServerSentEvent[]> {
  const events: ServerSentEvent[] = [];
  for await (const event of readServerSentEvents(chunks(new TextEncoder().encode(text), cuts))) {
    events.push(event);
  }
  return events;
}

const STREAM = [
  ': a comment, to keep the connection open',
  '',
  'event: execution',
  'data: {"pipeline":"東京 ✔"}',
  '',
  'id: 4',
  'retry: 1000',
  'data:first',
  'data: second',
  '',
  'event: without data',
  '',
  'data: cut off',
];
const EVENTS = [
  { event: 'execution', data: '{"pipeline":"東京 ✔"}' },
  { event: 'message', data: 'first\nsecond' },
];

describe('server-sent events', () => {
  it.each([
    ['LF', '\n'],
    ['CR LF', '\r\n'],
    ['CR', '\r'],
  ])('are read with lines that end in %s, wherever the stream is cut', async (_name, end) => {
    const text = STREAM.join(end);
    const most = new TextEncoder().encode(text).length;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(most), { maxLength: 12 }), async (cuts) => {
        expect(await read(text, cuts)).toEqual(EVENTS);
      }),
      { numRuns: 50 },
    );
  });

  it('are read byte by byte', async () => {
    const text = STREAM.join('\r\n');
    const most = new TextEncoder().encode(text).length;
    expect(
      await read(
        text,
        Array.from({ length: most }, (_unused, index) => index),
      ),
    ).toEqual(EVENTS);
  });

  it('are refused when one is larger than what is kept in memory', async () => {
    const line = `data: ${'x'.repeat(1024 * 1024)}\n`;
    await expect(read(line.repeat(5))).rejects.toThrow('longer than 4194304 characters');
    await expect(read(`data: ${'x'.repeat(5 * 1024 * 1024)}`)).rejects.toThrow('longer than 4194304 characters');
  });
});
