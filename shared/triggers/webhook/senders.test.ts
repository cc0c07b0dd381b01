/** The senders of docs/triggers.md that have no source of their own: their documented bodies, sent to what the document shows. */
import { timingSafeEqual } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { parsePipelines } from '../../pipeline/parse.ts';
import { settle } from '../../pipeline/settle.ts';
import { NO_TEMPLATES } from '../../pipeline/template.ts';
import { stageKinds } from '../../stages/registry.ts';
import { keysOf, triggerEntries } from '../keys.ts';
import { conditionsOf, imagesOfEvent, triggerData } from '../matching.ts';
import { sourceEvent } from '../source.ts';
import { SECRET } from '../testing-sample.ts';
import type { WebhookFields } from './schema.ts';
import { webhookEvent } from './source.ts';
import { callOf, SENDERS } from './testing-senders.ts';
import { verificationOf, verifyWebhook } from './verify.ts';

// The real one, watched.
vi.mock('node:crypto', { spy: true });

const STAGES = 'stages: { pause: { uses: wait, with: { for: 1s } } }\n';

function read(yaml: string) {
  const text = `pipeline: example\n${yaml}${STAGES}`;
  const parsed = parsePipelines({ file: 'gennaker.yaml', text, kinds: stageKinds() });
  if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems));
  const [definition] = parsed.pipelines;
  if (definition === undefined) throw new Error('the block has no pipeline');
  const settled = settle({ definition, templates: NO_TEMPLATES, inputs: {}, isOpen: true });
  const [trigger] = settled.on;
  if (trigger === undefined || !('webhook' in trigger)) throw new Error('the block has no webhook');
  return { settled, fields: trigger.webhook };
}

function eventOf(fields: WebhookFields, body: string, at = 1) {
  const verification = verificationOf(fields) ?? '';
  return webhookEvent({ fields, verification, request: callOf(fields, body), body: JSON.parse(body), at });
}

it('are four', () => {
  expect(SENDERS.map(({ name }) => name)).toEqual(['JFrog Artifactory', 'Amazon ECR', 'CircleCI', 'Gitea']);
});

describe.each(SENDERS)('$name', ({ yaml, json }) => {
  const { settled, fields } = read(yaml);

  it('is verified by its secret alone', () => {
    expect(verifyWebhook(fields, callOf(fields, json), SECRET)).toBe('ok');
    expect(verifyWebhook(fields, callOf(fields, json), 'another')).toHaveProperty('refused');
    expect(verifyWebhook(fields, callOf(fields, json), undefined)).toHaveProperty('refused');
    expect(verifyWebhook(fields, { ...callOf(fields, json), headers: {} }, SECRET)).toHaveProperty('refused');
    const signed = callOf(fields, json);
    const changed = Buffer.from(signed.rawBody);
    changed[10] = (changed[10] ?? 0) ^ 1;
    const verified = verifyWebhook(fields, { ...signed, rawBody: changed }, SECRET);
    expect(verified === 'ok').toBe(fields.signature === undefined);
  });

  it('is compared in constant time', () => {
    const watched = vi.mocked(timingSafeEqual).mockClear();
    expect(verifyWebhook(fields, callOf(fields, json), `${SECRET.slice(0, -1)}x`)).toHaveProperty('refused');
    expect(watched).toHaveBeenCalledOnce();
    expect(watched.mock.calls[0]?.map(({ byteLength }) => byteLength)).toEqual([32, 32]);
  });

  it('finds its trigger, which takes it', () => {
    const event = eventOf(fields, json);
    expect(sourceEvent.parse(event)).toEqual(event);
    const keys = triggerEntries(settled).map(({ key }) => key);
    expect(keysOf(event).every((key) => keys.includes(key))).toBe(true);
    expect(conditionsOf(settled, 0, event).filter(({ met }) => !met)).toEqual([]);
    expect(JSON.stringify(event)).not.toContain(SECRET);
  });

  it('is not harmed by what it does not know, and told apart by its id', () => {
    const more = JSON.stringify({ ...JSON.parse(json), added_later: { by: ['a newer release'] } });
    expect(conditionsOf(settled, 0, eventOf(fields, more)).every(({ met }) => met)).toBe(true);
    const [first, second] = [eventOf(fields, json, 1), eventOf(fields, json, 2)];
    expect(first.id === second.id).toBe(fields.delivery !== undefined);
    expect(first.call.isRepeatable).toBe(fields.delivery === undefined ? true : undefined);
  });
});

describe('what a call gives', () => {
  const of = (name: string) => {
    const { yaml = '', json = '' } = SENDERS.find((sender) => sender.name === name) ?? {};
    const { settled, fields } = read(yaml);
    return { settled, event: eventOf(fields, json) };
  };

  it('is an image, pinned to its digest', () => {
    const { settled, event } = of('Amazon ECR');
    expect(imagesOfEvent(settled, 0, event)).toEqual({
      api: {
        repository: '123456789012.dkr.ecr.us-west-2.amazonaws.com/items-api',
        tag: 'latest',
        digest: 'sha256:7f5b2640fe6fb4f46592dfd3410c4a79dac4f89e4782432e0378abcd1234abcd',
      },
    });
    expect(imagesOfEvent(of('JFrog Artifactory').settled, 0, of('JFrog Artifactory').event)).toMatchObject({
      api: { repository: 'acme.jfrog.io/docker-prod/items-api', tag: '1.4.0' },
    });
  });

  it('is what was picked out of it', () => {
    const { settled, event } = of('CircleCI');
    const revision = '1dc6aa69429bff4806ad6afe58d3d8f57e25973e';
    expect(triggerData(settled, 0, event).fields).toEqual({ revision });
  });

  it('says which value kept it from starting anything', () => {
    const { settled, event } = of('Gitea');
    const other = { ...event, call: { ...event.call, data: { ref: 'refs/heads/main' } } };
    const [where] = conditionsOf(settled, 0, other);
    expect(where).toMatchObject({ condition: 'where', met: false });
    expect(where?.got).toContain('data.ref is "refs/heads/main"');
  });
});
