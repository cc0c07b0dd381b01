/** Plans through the whole system in one process: what they tell before and after a delivery, and when a saved one holds. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMemorySystem, TOKEN } from '../../test/support/memory-system.ts';
import { type Api, createApi } from '../api.ts';
import type { Clusters } from './clusters.ts';
import type { System } from './system.ts';

const PATIENCE = { timeout: 30_000, interval: 20 };
const REPOSITORY = 'registry.example.com/acme/items';

const pipeline = (more: { weight?: string; extra?: string; image?: string } = {}): string => `
pipeline: planned
team: items
images: { api: { repository: ${REPOSITORY}, tag: "${more.image ?? '*'}" } }
on: [{ push: api }]
manifests: { files: [k8s.yaml] }
stages:
  pause: { uses: wait, with: { for: ${more.weight ?? '1s'} } }
  release: { needs: pause, uses: deploy, targets: [jp, us, uk] }
${more.extra ?? ''}
`;
const manifests = (replicas: number): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: items }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: items } }
  template:
    metadata: { labels: { app: items } }
    spec: { containers: [{ name: api, image: ${REPOSITORY} }] }
`;

/** What each tag is now; a test may move one. */
const tags = new Map<string, string>();
const digestOf = (tag: string): string => tags.get(tag) ?? `sha256:${tag.replaceAll(/\D/g, '').padEnd(64, '0')}`;

let clusters: Clusters;
let system: System;
let api: Api;

beforeAll(async () => {
  ({ system, clusters } = await startMemorySystem({
    resolver: { resolve: async ({ tag }) => ({ digest: digestOf(tag) }) },
  }));
  api = createApi({ url: system.url, token: TOKEN }, new AbortController().signal);
});
afterAll(() => system?.stop());

const upload = (text: string, replicas = 2) => ({
  file: 'gennaker.yaml',
  text,
  files: { 'k8s.yaml': manifests(replicas) },
  by: 'aki',
});

async function planned(text: string, more: { replicas?: number; images?: { [name: string]: string } } = {}) {
  const sent = upload(text, more.replicas);
  const report = await api.plan({ ...sent, images: more.images ?? {}, inputs: {} });
  const [only, ...others] = report.pipelines;
  if (only === undefined || others.length > 0) throw new Error('the file has one pipeline');
  const save = { ...sent, request: report.request, bases: [only.basis] };
  return { ...only, save };
}

/** Runs the applied pipeline, and waits for its end. */
async function run(images: { [name: string]: string }): Promise<void> {
  const { execution } = await api.start('planned', { requestId: randomUUID(), inputs: {}, images, by: 'aki' });
  const statusOf = async () => (await api.execution(execution).catch(() => undefined))?.status;
  await expect.poll(statusOf, PATIENCE).toBe('succeeded');
}

describe('a plan', () => {
  it('of a new pipeline tells all that it would create, and creates nothing', async () => {
    const plan = await planned(pipeline(), { images: { api: '1.0.0' } });
    expect(plan).toMatchObject({
      change: 'created',
      changes: [],
      unplanned: null,
      images: [{ name: 'api', from: null, to: { tag: '1.0.0', digest: digestOf('1.0.0') } }],
      gates: [{ stage: 'pause', text: 'wait of 1s' }],
      usuallyMs: null,
      basis: { generation: 0 },
    });
    expect(plan.stages.map(({ id }) => id)).toEqual(['pause', 'release-jp', 'release-us', 'release-uk']);
    expect(plan.targets.map(({ target, is }) => [target, is])).toEqual([
      ['jp', 'compared'],
      ['us', 'compared'],
      ['uk', 'compared'],
    ]);
    expect(plan.targets[0]).toMatchObject({ objects: [{ kind: 'Deployment', namespace: 'items', is: 'create' }] });
    expect((await api.pipelines()).items).toEqual([]);
    const ref = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'items', namespace: 'items' };
    expect(await (await clusters.clusterOf('jp')).get({ ref })).toBeUndefined();
  });

  it('says why an execution cannot be planned, and what changes all the same', async () => {
    expect(await planned(pipeline())).toMatchObject({
      change: 'created',
      unplanned: expect.stringContaining('No version of the image api has come yet'),
      targets: [],
    });
    const wrong = planned(pipeline(), { images: { web: '1' } });
    await expect(wrong).rejects.toThrow('No pipeline has an image called web; there are api.');
    await expect(planned(pipeline({ extra: '  wrong: { uses: wiat }' }))).rejects.toMatchObject({
      problems: [{ message: expect.stringContaining('did you mean "wait"?') }],
    });
  });

  it('shows nothing right after it was applied and run, and knows how long that took', async () => {
    const { save } = await planned(pipeline(), { images: { api: '1.0.0' } });
    await api.applyPlan(save);
    await run({ api: '1.0.0' });
    const after = await planned(pipeline());
    expect(after).toMatchObject({ change: 'unchanged', changes: [], images: [{ to: { tag: '1.0.0' } }] });
    const seen = after.targets.flatMap((target) => (target.is === 'compared' ? target.objects : []));
    expect(seen.map(({ is }) => is)).toEqual(['same', 'same', 'same']);
    expect(after.usuallyMs).toBeGreaterThan(0);
  });

  it('shows exactly what a new version and a changed file would change', async () => {
    const text = pipeline({ weight: '5s', extra: '  check: { needs: release, uses: wait, with: { for: 1s } }' });
    const plan = await planned(text, { replicas: 3, images: { api: '2.0.0' } });
    expect(plan.change).toBe('changed');
    expect(plan.changes).toEqual([
      { is: 'changed', path: 'pause.with.for', from: '1s', to: '5s' },
      { is: 'stage-added', stage: 'check', kind: 'wait', targets: [], needs: ['release'] },
    ]);
    expect(plan.targets[1]).toMatchObject({
      target: 'us',
      objects: [
        {
          is: 'change',
          fields: [
            { path: 'spec.replicas', from: 2, to: 3 },
            {
              path: 'spec.template.spec.containers[api].image',
              from: `${REPOSITORY}:1.0.0@${digestOf('1.0.0')}`,
              to: `${REPOSITORY}:2.0.0@${digestOf('2.0.0')}`,
            },
          ],
        },
      ],
    });
  });

  it('takes inputs as a command line gives them, and shows what they make of the stages', async () => {
    const inputs =
      'inputs: { span: { type: choice, choices: [1s, 7s], default: 1s }, loud: { type: boolean, default: false } }';
    const text = `${pipeline({ weight: `"\${{ inputs.span }}"` })}${inputs}\n`;
    const report = await api.plan({ ...upload(text), images: {}, inputs: { span: '7s', loud: 'true' } });
    expect(report.pipelines[0]).toMatchObject({
      unplanned: null,
      gates: [{ stage: 'pause', text: 'wait of 7s' }],
      basis: { inputs: { span: '7s', loud: true } },
    });
    expect(report.pipelines[0]?.changes).toContainEqual({
      is: 'changed',
      path: 'pause.with.for',
      from: '1s',
      to: '7s',
    });
    const wrong = api.plan({ ...upload(text), images: {}, inputs: { sapn: '7s' } });
    await expect(wrong).rejects.toThrow('No pipeline has an input called sapn; there are span, loud.');
    const refused = await api.plan({ ...upload(text), images: {}, inputs: { span: '8s' } });
    expect(refused.pipelines[0]?.unplanned).toContain('inputs.span');
  });

  it('tells what an event would start, or why it would not', async () => {
    const { items } = await api.events({ limit: 1 });
    const event = items[0]?.id ?? '';
    const report = await api.plan({ ...upload(pipeline()), images: {}, inputs: {}, event });
    expect(report.pipelines[0]).toMatchObject({ unplanned: null, images: [{ to: { tag: '1.0.0' } }] });
    const other = pipeline().replace('pipeline: planned', 'pipeline: others');
    const refused = await api.plan({ ...upload(other), images: {}, inputs: {}, event });
    expect(refused.pipelines[0]?.unplanned).toBe('The event would not start it: it asks for planned.');
    const unknown = api.plan({ ...upload(pipeline()), images: {}, inputs: {}, event: 'none' });
    await expect(unknown).rejects.toMatchObject({ status: 422, code: 'cannot-plan' });
  });

  it('tells what is frozen, and rests on none of it', async () => {
    const before = await planned(pipeline());
    const text = 'target jp is frozen until it is lifted (week, by aki): holidays';
    await api.holds.addFreeze('week', {
      scope: 'target:jp',
      reason: 'holidays',
      by: 'aki',
      from: undefined,
      until: undefined,
    });
    const during = await planned(pipeline());
    await api.holds.liftFreeze('week', { by: 'aki' });
    expect(during.gates.slice(before.gates.length)).toEqual([
      { is: 'freeze', of: 'target:jp', text, isHolding: true, until: null },
    ]);
    expect(during.begins).toEqual({ is: 'now' });
    expect(during.basis).toEqual(before.basis);
  });
});

describe('a saved plan', () => {
  it('is applied as it was made, once', async () => {
    const { save } = await planned(pipeline({ weight: '2s' }));
    expect(await api.applyPlan(save)).toEqual({ pipelines: [{ name: 'planned', change: 'changed' }], notes: [] });
    const again = api.applyPlan(save);
    await expect(again).rejects.toMatchObject({
      status: 409,
      code: 'plan-outdated',
      message: expect.stringMatching(/nothing was applied\. planned was changed since: .* generation 1, and is at 2\./),
    });
  });

  it('is refused when a tag has moved since', async () => {
    const { save } = await planned(pipeline({ weight: '3s' }), { images: { api: '3.0.0' } });
    tags.set('3.0.0', `sha256:${'f'.repeat(64)}`);
    const late = api.applyPlan(save);
    await expect(late).rejects.toThrow('The image api was 3.0.0 (sha256:30000000…), and is 3.0.0 (sha256:ffffffff…).');
  });

  it('is refused when what it holds was edited', async () => {
    const { save } = await planned(pipeline({ weight: '4s' }));
    const edited = { ...save, text: pipeline({ weight: '9s' }) };
    await expect(api.applyPlan(edited)).rejects.toThrow('The pipeline planned in the plan is not what was planned.');
    const renamed = { ...save, text: pipeline().replace('pipeline: planned', 'pipeline: other') };
    await expect(api.applyPlan(renamed)).rejects.toThrow('has no pipeline planned');
  });

  it('holds although somebody changes what lives on a cluster', async () => {
    const { save } = await planned(pipeline({ weight: '6s' }));
    const cluster = await clusters.clusterOf('jp');
    const ref = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'items', namespace: 'items' };
    const live = await cluster.get({ ref });
    if (live === undefined) throw new Error('the Deployment is not there');
    const manifest = { apiVersion: ref.apiVersion, kind: ref.kind, metadata: { name: 'items', namespace: 'items' } };
    const spec = { replicas: 9 };
    await cluster.apply({ manifest: { ...manifest, spec }, expected: live.metadata, fieldManager: 'someone' });
    const plan = await planned(pipeline({ weight: '6s' }));
    expect(plan.targets[0]).toMatchObject({
      objects: [{ fields: [{ path: 'spec.replicas', from: 9, to: 2, owners: ['someone'] }] }],
    });
    expect(await api.applyPlan(save)).toMatchObject({ pipelines: [{ change: 'changed' }] });
  });
});
