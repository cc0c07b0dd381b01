import { describe, expect, it } from 'vitest';
import type { TargetComparison } from '../../shared/use-cases/compare-live.ts';
import type { PipelinePlan } from '../../shared/use-cases/plan-pipelines.ts';
import { changesIn, renderPlan } from './plan.ts';

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const image = (tag: string, letter: string) => ({ repository: 'ghcr.io/acme/items-api', tag, digest: digest(letter) });
const reference = (tag: string, letter: string) => `ghcr.io/acme/items-api:${tag}@${digest(letter)}`;
const ref = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'items-api', namespace: 'items' };

function plan(more: Partial<PipelinePlan> = {}): PipelinePlan {
  return {
    pipeline: 'items-api',
    change: 'unchanged',
    changes: [],
    stages: [],
    images: [{ name: 'api', from: image('1.2.3', '1'), to: image('1.3.0', '9') }],
    unplanned: null,
    targets: [],
    gates: [],
    begins: { is: 'now' },
    usuallyMs: 11 * 60_000,
    basis: {
      pipeline: 'items-api',
      definition: digest('d'),
      files: null,
      generation: 1,
      templates: {},
      images: {},
      inputs: {},
      manifests: null,
      plan: digest('4'),
    },
    ...more,
  };
}

function compared(target: string, version: string): TargetComparison {
  return {
    target,
    stages: [`release-${target}`],
    later: [],
    is: 'compared',
    unseen: 0,
    objects: [
      {
        ...ref,
        is: 'change',
        resourceVersion: version,
        fields: [
          {
            path: 'spec.template.spec.containers[api].image',
            from: reference('1.2.3', '1'),
            to: reference('1.3.0', '9'),
          },
          { path: 'spec.replicas', from: 4, to: 2, owners: ['kubectl'] },
        ],
      },
      { ...ref, kind: 'Secret', is: 'change', fields: [{ path: 'data.token', masked: 'changed' }] },
      { ...ref, kind: 'ConfigMap', name: 'items-api-5f2c', is: 'create' },
      { ...ref, kind: 'Service', is: 'same' },
    ],
  };
}

const lines = (shown: PipelinePlan, width = 100): string =>
  renderPlan({ pipelines: [shown] }, { width, colour: false }).join('\n');

describe('a plan in lines', () => {
  it('tells the pipeline, each target once, the gates and how long it takes', () => {
    const text = lines(
      plan({
        change: 'changed',
        changes: [
          { is: 'changed', path: 'canary_jp.with.steps[0].weight', from: 5, to: 10 },
          { is: 'changed', path: 'release.with.objects[0].stringData.pw', masked: 'changed' },
          { is: 'stage-added', stage: 'smoke_test', kind: 'webhook', targets: [], needs: ['canary_jp'] },
          { is: 'stage-removed', stage: 'wait_1h', kind: 'wait', targets: [], needs: [] },
        ],
        targets: [compared('jp', '1'), compared('us', '2'), compared('uk', '3')],
        gates: [{ is: 'stage', stage: 'pause', text: 'wait of 30m' }],
      }),
    );
    expect(text).toBe(`items-api   4 changes to the pipeline, 3 to what runs

  pipeline
  ~ canary_jp.with.steps[0].weight   5 → 10
  ~ release.with.objects[0].stringData.pw   changed, a secret
  + stage smoke_test (webhook), after canary_jp
  - stage wait_1h

  jp   ~ Deployment/items-api   spec.template.spec.containers[api].image
                                1.2.3@sha256:11111111… → 1.3.0@sha256:99999999…
       ~ Deployment/items-api   spec.replicas   4 → 2   (owned by kubectl)
       ~ Secret/items-api   data.token   changed, a secret
       + ConfigMap/items-api-5f2c
  us, uk   the same

  gates   wait of 30m (pause)
  api 1.2.3 → 1.3.0 · usually 11 min · plan sha256:44444444…, good until something it rests on
  changes`);
  });

  it('tells of a cluster that cannot be reached apart from the others', () => {
    const down: TargetComparison = {
      target: 'us',
      stages: [],
      later: [],
      is: 'unreachable',
      text: 'could not read Deployment items/items-api: connect timed out',
    };
    const text = lines(plan({ targets: [compared('jp', '1'), down] }));
    expect(text).toContain('items-api   3 changes to what runs, not known for us');
    expect(text).toContain('  us   cannot be reached: could not read Deployment');
    expect(changesIn([down])).toBe(0);
  });

  it('says in a word that nothing changes', () => {
    const same: TargetComparison = { ...compared('jp', '1'), is: 'compared', unseen: 0, objects: [] };
    const text = lines(plan({ targets: [same, { ...same, target: 'us' }] }));
    expect(text).toContain('items-api   no changes\n\n  jp, us   no changes\n');
  });

  it('says why a delivery would fail at an object, and what is not known yet', () => {
    const target: TargetComparison = {
      ...compared('jp', '1'),
      is: 'compared',
      later: ['release'],
      unseen: 2,
      objects: [{ ...ref, is: 'refused', note: 'it cannot be changed in place: spec.selector: field is immutable' }],
    };
    expect(lines(plan({ targets: [target] }))).toContain(`  jp   ! Deployment/items-api
           it cannot be changed in place: spec.selector: field is immutable
       ? what release applies is only known while it runs
       ? 2 more objects not compared`);
  });

  it('never prints more than the width, but for paths', () => {
    const note = 'it cannot be changed in place: '.repeat(10);
    const target: TargetComparison = {
      ...compared('jp', '1'),
      is: 'compared',
      unseen: 0,
      objects: [{ ...ref, is: 'refused', note }],
    };
    const shown = lines(plan({ targets: [target], unplanned: null }), 60).split('\n');
    expect(Math.max(...shown.map((line) => line.length))).toBeLessThanOrEqual(60);
  });
});
