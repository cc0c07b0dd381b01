/** What holds for every source, by what its sender documents. */
import { timingSafeEqual } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { httpSources, messageSources } from './registry.ts';
import { type SourceEvent, type SourceRequest, sourceEvent } from './source.ts';
import { grown, headersOf, type Sample, SECRET } from './testing-sample.ts';
import { SAMPLES } from './testing-samples.ts';

// The real one, watched: a comparison that leaves early tells by its time how much of a guess was right.
vi.mock('node:crypto', { spy: true });

const AT = 1_700_000_000_000;
const http = httpSources();
const messages = messageSources();

function requestOf(sample: Sample, body: unknown = sample.body): SourceRequest {
  const rawBody = Buffer.from(JSON.stringify(body));
  const pathSecret = sample.proof === 'path' ? SECRET : (sample.path ?? '');
  return { rawBody, pathSecret, headers: headersOf(sample, rawBody) };
}

function parse(sample: Sample, { body = sample.body, at = AT }: { body?: unknown; at?: number } = {}): SourceEvent {
  const { source, attributes = {}, subscription = source } = sample;
  const message = { messageId: '1234567890', data: JSON.stringify(body), attributes, subscription };
  const parsed =
    http.get(source)?.parse({ body, at, request: requestOf(sample, body) }) ??
    messages.get(source)?.parse({ message, at });
  const [event, ...others] = parsed?.events ?? [];
  if (event === undefined || others.length > 0)
    throw new Error(`${source} makes ${others.length} more events, or none`);
  return event;
}

it('every source has a sample', () => {
  const sampled = new Set(SAMPLES.map(({ source }) => source));
  expect([...http.keys(), ...messages.keys()].filter((name) => !sampled.has(name))).toEqual([]);
});

describe.each(SAMPLES)('$source: $what', (sample) => {
  it('becomes the right event', () => {
    const event = parse(sample);
    expect(event).toMatchObject({ at: AT, source: sample.source, ...sample.event });
    expect(sourceEvent.parse(event)).toEqual(event);
  });

  it('is the same event when it is delivered again', () => {
    const again = parse(sample, { at: AT + 60_000 });
    expect(again.id === parse(sample).id).toBe(sample.isRepeatable !== true);
  });
});

// The data of a user's message is kept whole, whatever is in it.
describe.each(SAMPLES.filter(({ source }) => source !== 'pubsub'))('$source: $what', (sample) => {
  it('is not harmed by fields that nobody knows', () => {
    expect(parse(sample, { body: grown(sample.body) })).toEqual(parse(sample));
  });
});

describe.each(SAMPLES.filter(({ proof }) => proof !== undefined))('$source: $what', (sample) => {
  const source = http.get(sample.source);
  const verify = (request: SourceRequest, secret: string | undefined = SECRET) => source?.verify(request, secret);

  it('is taken from who knows the secret, and from nobody else', () => {
    expect(verify(requestOf(sample))).toBe('ok');
    expect(verify(requestOf(sample), 'another-secret')).toHaveProperty('refused');
    expect(verify(requestOf(sample), '')).toHaveProperty('refused');
    expect(source?.verify(requestOf(sample), undefined)).toHaveProperty('refused');
    const request = requestOf(sample);
    expect(verify({ ...request, headers: {}, pathSecret: '' })).toHaveProperty('refused');
  });

  it.each(['x', `${SECRET.slice(0, -1)}x`, `${SECRET}-and-more`])('is compared in constant time (%s)', (guess) => {
    const watched = vi.mocked(timingSafeEqual).mockClear();
    const request = requestOf(sample);
    const given = Object.entries(request.headers).map(([name, text = '']) => [name, text.replaceAll(SECRET, guess)]);
    const guessed = { ...request, headers: Object.fromEntries(given), pathSecret: request.pathSecret && guess };
    const isSigned = typeof sample.proof === 'object' && 'signature' in sample.proof;
    expect(verify(guessed, isSigned ? guess : SECRET)).toHaveProperty('refused');
    expect(watched).toHaveBeenCalledOnce();
    // Both sides are hashes, so that not even the length tells.
    const [one, other] = watched.mock.calls[0] ?? [];
    expect([one?.byteLength, other?.byteLength]).toEqual([32, 32]);
  });

  it('is refused for a changed byte of what proves it', () => {
    const request = requestOf(sample);
    const changed = Buffer.from(request.rawBody);
    const at = Math.floor(changed.length / 2);
    changed[at] = (changed[at] ?? 0) ^ 1;
    const isSigned = typeof sample.proof === 'object' && 'signature' in sample.proof;
    // Only a signature covers the body.
    expect(verify({ ...request, rawBody: changed }) === 'ok').toBe(!isSigned);
    const other = (text: string) => text.replaceAll(SECRET, `${SECRET.slice(0, -1)}x`).replace(/[0-9a-f]$/, '-');
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, text = '']) => [name, other(text)]));
    expect(verify({ ...request, headers, pathSecret: other(request.pathSecret) })).toHaveProperty('refused');
  });
});
