/** Every source in the whole system: what its sender documents starts a pipeline, once, and nothing where its proof was changed. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messageSubscriber } from '../../functions/receive-message.ts';
import { IN_MEMORY } from '../../shared/adapters/embedded/index.ts';
import { jsonLog } from '../../shared/adapters/json-log.ts';
import { systemClock } from '../../shared/adapters/system-clock.ts';
import type { InboxEntry } from '../../shared/ports/inbox.ts';
import { TRIGGER_FIELDS } from '../../shared/triggers/kinds.ts';
import { httpSources, messageSources } from '../../shared/triggers/registry.ts';
import type { SourceEvent } from '../../shared/triggers/source.ts';
import { grown, headersOf, type Sample, SECRET } from '../../shared/triggers/testing-sample.ts';
import { SAMPLES } from '../../shared/triggers/testing-samples.ts';
import { callOf, SENDERS } from '../../shared/triggers/webhook/testing-senders.ts';
import { openClusters } from './clusters.ts';
import { type System, startSystem } from './system.ts';

const PATIENCE = { timeout: 20_000, interval: 20 };
const REGISTERED = 'http://127.0.0.1:1/acme/items.git';
const STAGES = { pause: { uses: 'wait', with: { for: '0s' } } };
/** Headers that tell one delivery from another; the documents show the same ones again and again. */
const DELIVERY_HEADERS = ['x-github-delivery', 'idempotency-key', 'x-request-uuid'];
/** Sources of what happens in the system itself, which nobody sends. */
const INNER_TRIGGERS = ['cron', 'pipeline'];

const http = httpSources();
const messages = messageSources();

type Case = Sample & { readonly pipeline: string };
const cases: readonly Case[] = SAMPLES.map((sample, index) => {
  const headers = Object.entries(sample.headers ?? {}).map(([name, value]) => [
    name,
    DELIVERY_HEADERS.includes(name) ? `${value}-${index}` : value,
  ]);
  return { ...sample, headers: Object.fromEntries(headers), pipeline: `sample-${index}` };
});

/** The trigger and the images of a pipeline that wants this very event. */
function wanting(event: SourceEvent): { readonly on: object; readonly images?: object } {
  switch (event.type) {
    case 'image-pushed':
      return { on: { push: 'api' }, images: { api: { repository: event.image.repository, tag: event.image.tag } } };
    case 'commit-pushed': {
      const { repository, ref } = event.commit;
      const kind = ref.startsWith('refs/tags/') ? 'tag' : 'push';
      return {
        on: { git: { repository: repository === undefined ? REGISTERED : `https://${repository}`, event: kind } },
      };
    }
    case 'pull-request-changed':
      return { on: { git: { repository: `https://${event.pullRequest.repository}`, event: 'merged' } } };
    case 'release-published':
      return { on: { git: { repository: `https://${event.release.repository}`, event: 'release' } } };
    case 'build-finished': {
      const { by: source, of } = event.build;
      const whose = { 'cloud-build': { project: of }, jenkins: { job: of } }[source as string] ?? {
        repository: `https://${of}`,
      };
      return { on: { build: { source, ...whose } } };
    }
    case 'object-stored':
      return { on: { storage: { bucket: event.object.bucket } } };
    case 'message-arrived':
      return { on: { pubsub: { subscription: event.message.subscription } } };
    default:
      throw new Error(`no sample is of a ${event.type}`);
  }
}

function parsed(sample: Sample): SourceEvent {
  const { source, body, path = '' } = sample;
  const request = { rawBody: Buffer.alloc(0), pathSecret: path, headers: headersOf(sample, Buffer.alloc(0)) };
  const all =
    http.get(source)?.parse({ body, at: 1, request }) ??
    messages.get(source)?.parse({ message: messageOf(sample, body), at: 1 });
  const [event] = all?.events ?? [];
  if (event === undefined) throw new Error(`${source} makes no event of its sample`);
  return event;
}

function messageOf(
  { source, attributes = {}, subscription = `projects/acme/subscriptions/gennaker-${source}`, what }: Sample,
  body: unknown,
) {
  const messageId = `${source}-${what}`.replaceAll(/[^a-z]/g, '-');
  return { messageId, data: JSON.stringify(body), attributes, subscription };
}

let system: System;
let deliver: ReturnType<typeof messageSubscriber>;

beforeAll(async () => {
  const secrets = [...http.values()].map(({ secretName }) => secretName);
  const hooks = ['jfrog', 'ecr', 'circleci', 'gitea'].map((name) => `hook-${name}`);
  const environment = Object.fromEntries(
    [...secrets, ...hooks].map((name) => [`GENNAKER_SECRET_${name.toUpperCase().replaceAll('-', '_')}`, SECRET]),
  );
  const log = jsonLog({ write: () => undefined, now: systemClock.now });
  system = await startSystem({
    path: IN_MEMORY,
    clusters: await openClusters({ contexts: [], clock: systemClock }),
    port: 0,
    token: 'the-api-token-of-this-test',
    hookSecret: SECRET,
    log,
    environment,
    resolver: { resolve: async () => ({ digest: `sha256:${'a'.repeat(64)}` }), list: async () => ['1.0.0'] },
  });
  deliver = messageSubscriber({
    ...system.ports,
    secrets: system.engine.secrets,
    clock: systemClock,
    log,
    httpSources: http,
    messageSources: messages,
  });
  const registered = { id: 'items', url: REGISTERED, branch: 'never-pushed', folders: [''], team: 'items' };
  await system.ports.repositories.write({
    key: 'items',
    value: { format: 1, ...registered, host: 'git', pushSecret: 'git-webhook', registeredAt: 1 },
    expected: 'absent',
  });
  const pipelines = cases.map(({ pipeline, ...sample }) => {
    const { on, images = {} } = sample.wants ?? wanting(parsed(sample));
    return JSON.stringify({ pipeline, images, on: [on], stages: STAGES });
  });
  const senders = SENDERS.map(
    ({ yaml }, index) => `pipeline: sender-${index}\n${yaml}stages: ${JSON.stringify(STAGES)}\n`,
  );
  const text = [...pipelines, ...senders].join('\n---\n');
  expect(await system.apply({ file: 'gennaker.yaml', text, files: {} })).toMatchObject({ is: 'applied' });
});

afterAll(async () => {
  await system?.stop();
});

type Change = { readonly body?: unknown; readonly changed?: 'body' | 'secret' };

/** Sends it as its sender does. `changed` is the part of which one byte is another when it arrives. */
async function post(sample: Sample, { body = sample.body, changed }: Change = {}): Promise<Response> {
  const source = http.get(sample.source);
  const raw = JSON.stringify(body);
  const signed = headersOf(sample, Buffer.from(raw));
  const [from, to] = changed === 'secret' ? [SECRET, `${SECRET.slice(0, -1)}x`] : ['', ''];
  const headers = Object.entries(signed).map(([name, value]) => [name, value.replaceAll(from, to)]);
  const end =
    sample.proof === 'path' ? `/${SECRET.replaceAll(from, to)}` : sample.path === undefined ? '' : `/${sample.path}`;
  return fetch(`${system.url}/hooks/${sample.source}${end}`, {
    method: 'POST',
    headers: { ...Object.fromEntries(headers), 'content-type': source?.mediaTypes[0] ?? '' },
    body: changed === 'body' ? raw.replace(/[a-z](?=[^a-z]*$)/, (letter) => (letter === 'x' ? 'y' : 'x')) : raw,
  });
}

/** The ids of the events that it was taken for. */
async function send(sample: Sample, body: unknown = sample.body): Promise<readonly string[]> {
  if (messages.has(sample.source)) {
    expect(await deliver(messageOf(sample, body))).toBe('done');
    return [parsed({ ...sample, body }).id];
  }
  const response = await post(sample, { body });
  expect([response.status, await response.clone().text()]).toEqual([202, expect.any(String)]);
  return ((await response.json()) as { events: string[] }).events;
}

const countOf = async (pipeline: string) => (await system.ports.executions.list({ pipeline, limit: 50 })).length;

/** The entry once it is about so many deliveries. */
async function entryOf(ids: readonly string[], pipeline: string, deliveries = 1): Promise<InboxEntry['verdicts']> {
  expect(ids).toHaveLength(1);
  const read = async () => {
    const entry = await system.ports.inbox.get({ id: ids[0] ?? '' });
    const isWhole = (entry?.repeats?.times ?? 0) === deliveries - 1;
    return isWhole ? entry?.verdicts.filter((verdict) => verdict.pipeline === pipeline) : undefined;
  };
  await expect.poll(read, PATIENCE).toHaveLength(1);
  return (await read()) ?? [];
}

it('there is a sample of every source, and of every kind of trigger', () => {
  const sampled = new Set(cases.map(({ source }) => source));
  expect([...http.keys(), ...messages.keys()].filter((name) => !sampled.has(name))).toEqual([]);
  const wanted = new Set(cases.flatMap((sample) => Object.keys(wanting(parsed(sample)).on)));
  const kinds = [...TRIGGER_FIELDS.keys()].filter((kind) => !INNER_TRIGGERS.includes(kind));
  expect([...wanted, 'webhook'].sort()).toEqual(kinds.sort());
});

describe.each(cases)('$source: $what', (sample) => {
  const { pipeline } = sample;

  it('starts its pipeline once, however often it is delivered, and whatever else is in it', async () => {
    const first = await send(sample, grown(sample.body));
    expect(await entryOf(first, pipeline)).toMatchObject([{ is: expect.stringMatching(/started|queued/) }]);
    const before = await countOf(pipeline);
    const again = await send(sample);
    expect(again[0] === first[0]).toBe(sample.isRepeatable !== true);
    const verdicts = await entryOf(again, pipeline, sample.isRepeatable === true ? 1 : 2);
    if (sample.isRepeatable === true) expect(verdicts).toMatchObject([{ is: 'duplicate' }]);
    expect(await countOf(pipeline)).toBe(before);
  });
});

// Who sends a message is told by the token of its delivery, which is not the source's to read.
describe.each(cases.filter(({ source }) => !messages.has(source)))('$source: $what', (sample) => {
  const { pipeline } = sample;

  it('is refused where a byte of its proof was changed', async () => {
    const before = await countOf(pipeline);
    const isSigned = typeof sample.proof === 'object' && 'signature' in sample.proof;
    expect((await post(sample, { changed: isSigned ? 'body' : 'secret' })).status).toBe(401);
    expect(await countOf(pipeline)).toBe(before);
  });
});

describe.each(SENDERS.map((sender, index) => ({ ...sender, pipeline: `sender-${index}` })))(
  '$name',
  ({ yaml, json, pipeline }) => {
    const path = /path: ([a-z]+)/.exec(yaml)?.[1] ?? '';
    const token = /token: \{ header: ([a-z-]+)(?:, prefix: "([^"]*)")? \}/.exec(yaml);
    const signature = /signature: \{ header: ([a-z-]+)(?:, prefix: "([^"]*)")? \}/.exec(yaml);
    const { headers } = callOf(
      {
        path,
        secret: path,
        format: 'json',
        ...(signature === null
          ? {}
          : {
              signature: {
                header: signature[1] ?? '',
                prefix: signature[2] ?? '',
                algorithm: 'sha256',
                encoding: 'hex',
              },
            }),
        ...(token === null ? {} : { token: { header: token[1] ?? '', prefix: token[2] ?? '' } }),
      },
      json,
    );
    const call = (body = json, secret = SECRET) =>
      fetch(`${system.url}/hooks/webhook/${path}`, {
        method: 'POST',
        headers: {
          ...Object.fromEntries(
            Object.entries(headers).map(([name, value = '']) => [name, value.replaceAll(SECRET, secret)]),
          ),
          'content-type': 'application/json',
        },
        body,
      });

    it('starts its pipeline once, and nothing where a byte of its proof was changed', async () => {
      const isSigned = signature !== null;
      const refused = isSigned ? await call(json.replace('{', '{ ')) : await call(json, `${SECRET.slice(0, -1)}x`);
      expect(refused.status).toBe(401);
      const sent = async () => ((await (await call()).json()) as { events: string[] }).events;
      const first = await sent();
      expect(await entryOf(first, pipeline)).toMatchObject([{ is: 'started' }]);
      const again = await sent();
      await entryOf(again, pipeline, again[0] === first[0] ? 2 : 1);
      expect(await countOf(pipeline)).toBe(1);
    });
  },
);
