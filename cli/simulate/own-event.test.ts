import { describe, expect, it } from 'vitest';
import { stageKinds } from '../../shared/stages/registry.ts';
import { readEvent } from './event.ts';
import { simulate } from './simulate.ts';

const PIPELINE = `
pipeline: items-api
team: items
inputs: { what: { type: string, default: nothing } }
on:
  - webhook:
      path: releases
      secret: releases
      where: data.event == "released"
      fields: { name: data.name }
    with: { what: "\${{ trigger.fields.name }}" }
  - cron: "0 9 * * 1"
    timezone: Asia/Tokyo
  - cron: "@daily"
  - pipeline: items-database
    with: { what: "\${{ trigger.outputs.migrate.name }}" }
stages:
  tell: { uses: set, with: { what: "\${{ inputs.what }}" } }
`;

const arrives = (source: string, body: object, headers: { [name: string]: string } = {}) =>
  simulate({
    file: 'gennaker.yaml',
    text: PIPELINE,
    files: {},
    pipeline: 'items-api',
    targets: [],
    kinds: stageKinds(),
    renderer: { render: () => Promise.reject(new Error('nothing is to be rendered by a program')) },
    beginning: { is: 'event', event: { source, headers, body: JSON.parse(JSON.stringify(body)) } },
    signal: new AbortController().signal,
  });

describe('an event that only the pipeline explains', () => {
  it.each([
    [
      "a call of the pipeline's webhook",
      'webhook/releases',
      { event: 'released', name: '1.2.3' },
      'webhook releases called',
    ],
    ['a firing of its schedule', 'cron', { cron: '@daily' }, 'schedule "@daily" (UTC) was due at 2026-01-05T09:00:00Z'],
    [
      'the end of another',
      'pipeline',
      { pipeline: 'items-database', outputs: { migrate: { name: 'm1' } } },
      'pipeline items-database succeeded',
    ],
  ])('starts it: %s', async (_, source, body, text) => {
    const simulated = await arrives(source, body);
    expect(simulated).toMatchObject({ is: 'ran', execution: { trigger: { text } } });
  });

  it('is held against the conditions', async () => {
    expect(await arrives('webhook/releases', { event: 'drafted' })).toMatchObject({ is: 'not-started' });
    expect(await arrives('pipeline', { pipeline: 'items-database', end: 'failed' })).toMatchObject({
      is: 'not-started',
    });
  });

  it.each([
    ['webhook/release', {}, 'items-api has no webhook of the path release; those that it has: releases'],
    ['cron', {}, 'items-api has 2 schedules; body.cron names one of them'],
    ['cron', { cron: '@hourly' }, 'items-api has no schedules "@hourly"'],
    ['cron', { cron: '@daily', due: '2027-01-01T00:00:00Z' }, 'due at 2027-01-01T00:00:00Z, after it arrives'],
    ['pipeline', { end: 'stopped', pipeline: 'x' }, 'end'],
    ['webhok/releases', {}, 'no such source'],
  ])('is refused where it makes no sense: %s %o', async (source, body, message) => {
    await expect(arrives(source, body)).rejects.toThrow(message);
  });

  it('needs the pipeline', () => {
    const file = { source: 'webhook/releases', headers: {}, body: {} };
    expect(() => readEvent(file, 0)).toThrow('gennaker simulate FILE --event EVENT');
  });
});
