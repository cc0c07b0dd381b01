import { describe, expect, it } from 'vitest';
import type { Plan, StagePlan } from '../core/plan.ts';
import { changesOfPipeline, changesOfPlan } from './difference.ts';
import { definitionSchema } from './schema.ts';

function stage(id: string, more: Partial<StagePlan> = {}): StagePlan {
  return {
    id,
    declaredAs: id.split('-')[0] ?? id,
    kind: 'canary',
    needs: [],
    with: {},
    timeoutMs: 3_600_000,
    retry: { attempts: 1, backOffMs: 10_000, maximumBackOffMs: 300_000 },
    onFailure: { then: 'fail', others: 'cancel' },
    ...more,
  };
}

function plan(stages: readonly StagePlan[], more: Partial<Plan> = {}): Plan {
  return {
    format: 1,
    pipeline: 'items-api',
    team: 'items',
    namespace: 'items',
    images: {},
    inputs: {},
    stages,
    concurrency: { group: 'items-api', limit: 1, whenBusy: 'newest' },
    timeoutMs: 86_400_000,
    notify: [],
    ...more,
  };
}

describe('the difference of two plans', () => {
  it('is nothing for equal ones, whatever their images and manifests', () => {
    const image = { repository: 'r', tag: '1', digest: 'd' };
    expect(changesOfPlan(plan([stage('a')]), plan([stage('a')], { images: { api: image }, manifests: 'm' }))).toEqual(
      [],
    );
  });

  it('names each field by its path in the file, and its values as the file has them', () => {
    const before = plan([stage('canary_jp', { with: { steps: [{ weight: 5 }, { wait: '5m' }], gone: 1 } })]);
    const after = plan(
      [
        stage('canary_jp', {
          with: { steps: [{ weight: 10 }, { wait: '5m' }, { weight: 50 }], fresh: true },
          timeoutMs: 5_400_000,
          onFailure: { then: 'fail', others: 'cancel', undo: 'this-target' },
        }),
      ],
      { concurrency: { group: 'items-api', limit: 2, whenBusy: 'queue', starts: { limit: 300, withinMs: 3_600_000 } } },
    );
    expect(changesOfPlan(before, after)).toEqual([
      { is: 'changed', path: 'concurrency.limit', from: 1, to: 2 },
      { is: 'changed', path: 'concurrency.when-busy', from: 'newest', to: 'queue' },
      { is: 'changed', path: 'concurrency.starts', from: null, to: '300 within 1h' },
      { is: 'changed', path: 'canary_jp.with.steps[0].weight', from: 5, to: 10 },
      { is: 'changed', path: 'canary_jp.with.steps[2]', to: { weight: 50 } },
      { is: 'changed', path: 'canary_jp.with.gone', from: 1 },
      { is: 'changed', path: 'canary_jp.with.fresh', to: true },
      { is: 'changed', path: 'canary_jp.timeout', from: '1h', to: '1h30m' },
      { is: 'changed', path: 'canary_jp.on-failure.undo', from: 'none', to: 'this-target' },
    ]);
  });

  it('tells stages that come and go once, with all their targets', () => {
    const first = stage('first');
    const before = plan([first, stage('wait_1h', { kind: 'wait', needs: ['first'] })]);
    const rest = (target: string) => stage(`rest-${target}`, { target, needs: ['first'] });
    expect(changesOfPlan(before, plan([first, rest('us'), rest('uk')]))).toEqual([
      { is: 'stage-added', stage: 'rest', kind: 'canary', targets: ['uk', 'us'], needs: ['first'] },
      { is: 'stage-removed', stage: 'wait_1h', kind: 'wait', targets: [], needs: ['first'] },
    ]);
  });

  it('tells what changes alike on every target once, and the rest for each', () => {
    const rest = (target: string, weight: number, id = `rest-${target}`) => stage(id, { target, with: { weight } });
    const before = plan([rest('us', 1), rest('uk', 1)]);
    expect(changesOfPlan(before, plan([rest('us', 2), rest('uk', 2)]))).toEqual([
      { is: 'changed', path: 'rest.with.weight', from: 1, to: 2 },
    ]);
    expect(changesOfPlan(before, plan([rest('us', 2), rest('uk', 1)]))).toEqual([
      { is: 'changed', path: 'rest-us.with.weight', from: 1, to: 2 },
    ]);
    expect(changesOfPlan(before, plan([rest('us', 1, 'rest')]))).toEqual([
      { is: 'changed', path: 'rest.targets', from: ['uk', 'us'], to: ['us'] },
    ]);
  });

  it('tells that a secret changes, and never what it is', () => {
    const secret = (fields: object) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'db' }, ...fields });
    const deploy = (...objects: object[]) => plan([stage('release', { with: { objects } as StagePlan['with'] })]);
    const before = deploy(secret({ stringData: { pw: 'first', gone: 'first' }, data: { key: 'Zmlyc3Q=' } }), {
      kind: 'ConfigMap',
      data: { pw: 'open' },
    });
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{"stringData":{"pw":"second"}}' };
    const after = deploy(
      secret({ metadata: { name: 'db', annotations }, stringData: { pw: 'second', fresh: 'second' } }),
      { kind: 'ConfigMap', data: { pw: 'wide' } },
      { kind: 'List', items: [secret({ stringData: { pw: 'second' } })] },
    );
    const changes = changesOfPlan(before, after);
    const at = (path: string) => `release.with.objects[0].${path}`;
    expect(changes).toEqual([
      { is: 'changed', path: at('metadata.annotations'), to: { [Object.keys(annotations)[0] ?? '']: '•••' } },
      { is: 'changed', path: at('stringData.pw'), masked: 'changed' },
      { is: 'changed', path: at('stringData.gone'), masked: 'removed' },
      { is: 'changed', path: at('stringData.fresh'), masked: 'added' },
      { is: 'changed', path: at('data'), masked: 'removed' },
      { is: 'changed', path: 'release.with.objects[1].data.pw', from: 'open', to: 'wide' },
      {
        is: 'changed',
        path: 'release.with.objects[2]',
        to: { kind: 'List', items: [secret({ stringData: '•••' })] },
      },
    ]);
    expect(JSON.stringify(changes)).not.toMatch(/first|second|Zmlyc3Q/);
    // What was a Secret may be something else now, and was secret all the same.
    const opened = changesOfPlan(
      deploy({ ...secret({ data: { pw: 'first' } }) }),
      deploy({ ...secret({ data: { pw: 'second' } }), kind: 'ConfigMap' }),
    );
    expect(opened).toContainEqual({ is: 'changed', path: at('data.pw'), masked: 'changed' });
  });

  it('names a template by its exact version', () => {
    const from = stage('release', { template: 'microservice@2.0.0' });
    const to = stage('release', { template: 'microservice@2.1.0' });
    expect(changesOfPlan(plan([from]), plan([to]))).toEqual([
      {
        is: 'changed',
        path: 'release.uses',
        from: 'canary of microservice@2.0.0',
        to: 'canary of microservice@2.1.0',
      },
    ]);
  });
});

it('the difference of two pipelines also tells what plans do not show: triggers and the filters of images', () => {
  const version = (tag: string, triggers: object[]) => ({
    definition: definitionSchema.parse({
      pipeline: 'items-api',
      images: { api: { repository: 'ghcr.io/acme/items', tag } },
      on: triggers,
      stages: { soak: { uses: 'wait', with: { for: '1m' } } },
    }),
    plan: plan([stage('soak')]),
  });
  expect(changesOfPipeline(version('1.*', []), version('2.*', [{ push: 'api' }]))).toEqual([
    { is: 'changed', path: 'images.api.tag', from: '1.*', to: '2.*' },
    { is: 'changed', path: 'on', from: [], to: [{ push: 'api' }] },
  ]);
});
