import { describe, expect, it } from 'vitest';
import { definitionSchema } from '../pipeline/schema.ts';
import { templatesOf } from '../pipeline/template.ts';
import { windowsSchema } from '../pipeline/windows-schema.ts';
import { type Holds, NO_HOLDS } from '../ports/holds.ts';
import { stageKinds } from '../stages/registry.ts';
import { outlinePlan } from './make-plan.ts';
import { describeGates, gatesOf } from './plan-gates.ts';

/** A Monday, 18:00 in Tokyo. */
const NOW = Date.parse('2026-03-02T09:00:00Z');
const OFFICE = windowsSchema.parse([{ hours: '10:00-17:00', timezone: 'Asia/Tokyo' }]);
const kinds = stageKinds();

function gatesWith(holds: Partial<Holds>, more: object = {}) {
  const definition = definitionSchema.parse({
    pipeline: 'items-api',
    team: 'items',
    manifests: { files: ['k8s.yaml'] },
    stages: {
      ask: { uses: 'approve', with: { groups: ['leads'] } },
      release: { needs: 'ask', uses: 'deploy', targets: ['jp', 'us'] },
      later: { needs: 'release', if: false, uses: 'deploy', target: 'uk' },
    },
    ...more,
  });
  const plan = outlinePlan({ definition, kinds, templates: templatesOf([]), targets: undefined });
  return gatesOf(kinds, { ...definition, plan }, { ...NO_HOLDS, ...holds }, NOW);
}

const freeze = (id: string, scope: string, more: object = {}) => ({
  id,
  scope,
  reason: 'holidays',
  by: 'aki',
  at: NOW,
  ...more,
});
const pause = (scope: string) => ({ scope, reason: 'the database moves', by: 'aki', at: NOW });

describe('the gates of a plan', () => {
  it('are those of its stages where nothing is held', () => {
    const found = gatesWith({});
    expect(found).toEqual({
      gates: [{ is: 'stage', stage: 'ask', text: expect.stringContaining('leads') }],
      begins: { is: 'now' },
    });
    expect(describeGates(found)).toHaveLength(1);
  });

  it('have the windows of file, pipeline, team and targets, with the next opening of those that are closed', () => {
    const windows = {
      'pipeline:items-api': windowsSchema.parse([{ hours: '08:00-20:00', timezone: 'Asia/Tokyo' }]),
      'team:items': OFFICE,
      'team:others': OFFICE,
      'target:us': windowsSchema.parse([{ days: ['sat'], hours: '00:00-24:00' }]),
      'target:uk': OFFICE,
    };
    const { gates, begins } = gatesWith({ windows }, { windows: OFFICE });
    expect(gates.slice(1)).toEqual([
      {
        is: 'window',
        of: 'pipeline:items-api',
        text: 'window of pipeline items-api Mon-Fri 10:00-17:00 Asia/Tokyo, closed now, opens at 2026-03-03T01:00:00Z',
        isHolding: true,
        until: '2026-03-03T01:00:00Z',
      },
      {
        is: 'window',
        of: 'pipeline:items-api',
        text: 'window of pipeline items-api Mon-Fri 08:00-20:00 Asia/Tokyo, open now',
        isHolding: false,
        until: null,
      },
      expect.objectContaining({ of: 'team:items', until: '2026-03-03T01:00:00Z' }),
      expect.objectContaining({ of: 'target:us', until: '2026-03-07T00:00:00Z' }),
    ]);
    // No stage on us is the first.
    expect(begins).toEqual({ is: 'later', at: '2026-03-03T01:00:00Z' });
  });

  it('have freezes that are in force or to come, and not those that have ended', () => {
    const holds = {
      freezes: [
        freeze('week', 'all', { until: NOW + 1000 }),
        freeze('ended', 'team:items', { until: NOW }),
        freeze('to-come', 'target:jp', { from: NOW + 60_000 }),
        freeze('elsewhere', 'target:uk'),
      ],
    };
    expect(describeGates(gatesWith(holds)).slice(1)).toEqual([
      'everything is frozen until 2026-03-02T09:00:01Z (week, by aki): holidays',
      'target jp will be frozen from 2026-03-02T09:01:00Z until it is lifted (to-come, by aki): holidays',
      'begins at 2026-03-02T09:00:01Z at the earliest',
    ]);
  });

  it('have pauses, of which one of a trigger holds nobody who asks', () => {
    const holds = { pauses: [pause('trigger:items-api/0'), pause('target:us'), pause('pipeline:items-batch')] };
    const { gates, begins } = gatesWith(holds);
    expect(gates.slice(1)).toMatchObject([
      { is: 'pause', of: 'trigger:items-api/0', isHolding: false },
      { is: 'pause', of: 'target:us', text: 'target us is paused by aki: the database moves', isHolding: true },
    ]);
    expect(begins).toEqual({ is: 'now' });
  });

  it('count the target of a stage that begins because those before it are skipped', () => {
    const stages = {
      ask: { if: false, uses: 'approve', with: { groups: ['leads'] } },
      release: { needs: 'ask', uses: 'deploy', target: 'jp' },
    };
    const { begins } = gatesWith({ freezes: [freeze('f1', 'target:jp')] }, { stages });
    expect(begins).toEqual({ is: 'unknown', text: 'begins when the freeze f1 is lifted' });
  });

  it.each([
    ['a pause', { pauses: [pause('pipeline:items-api')] }, 'begins when pipeline items-api is resumed'],
    ['a freeze without an end', { freezes: [freeze('f1', 'team:items')] }, 'begins when the freeze f1 is lifted'],
    [
      'windows that exclude each other',
      { windows: { 'team:items': windowsSchema.parse([{ days: ['sat'], hours: '10:00-17:00' }]) } },
      'never begins by itself: its windows are never open together',
    ],
    [
      'a freeze over the opening',
      { freezes: [freeze('f1', 'all', { until: Date.parse('2026-03-03T09:00:00Z') })] },
      'begins at 2026-03-04T01:00:00Z at the earliest',
    ],
  ])('say what %s comes to', (_, holds, text) => {
    expect(describeGates(gatesWith(holds, { windows: OFFICE })).at(-1)).toBe(text);
  });
});
