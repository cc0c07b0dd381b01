/** What a plan tells of a real control plane: nothing right after a deploy, and exactly what somebody changed since. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Plan, StagePlan } from '../../shared/core/plan.ts';
import { type KubernetesCluster, openCluster } from '../../shared/kubernetes/client.ts';
import type { Manifest } from '../../shared/ports/cluster.ts';
import { deploy } from '../../shared/stages/deploy/index.ts';
import { type DeployCursor, deployParameters } from '../../shared/stages/deploy/schema.ts';
import { stageKinds } from '../../shared/stages/registry.ts';
import { compareLive, type ObjectComparison, type TargetComparison } from '../../shared/use-cases/compare-live.ts';
import { wallClock } from '../support/clocks.ts';
import { type ControlPlane, requireControlPlane, startControlPlane } from '../support/control-plane.ts';
import { blobsOf, contextOf, type DeployWorld, lockCells } from '../support/deploy-context.ts';

const REPOSITORY = 'registry.test/shop/items';
const MAXIMUM_STEPS = 10;
const images = (tag: string) => ({ api: { repository: REPOSITORY, tag, digest: `sha256:${tag.repeat(64)}` } });
const signal = new AbortController().signal;

/** One object of each kind whose defaults, allocated fields or owners have made trouble for other tools. */
function manifests(): Manifest[] {
  const labels = { app: 'web' };
  const containers = [
    {
      name: 'api',
      image: REPOSITORY,
      ports: [{ containerPort: 8080 }],
      env: [{ name: 'MODE', value: 'a' }],
      resources: { requests: { cpu: '0.5', memory: '512Mi' } },
      readinessProbe: { httpGet: { path: '/', port: 8080 } },
      volumeMounts: [{ name: 'config', mountPath: '/etc/items' }],
    },
  ];
  const template = {
    metadata: { labels },
    spec: { containers, volumes: [{ name: 'config', configMap: { name: 'web' } }] },
  };
  const metadata = { name: 'web' };
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'items' } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { ...metadata, labels: { team: 'items' } },
      spec: { replicas: 2, selector: { matchLabels: labels }, template },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] },
    },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'app.properties': 'mode=a', level: 'info' } },
    { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { token: 'very-secret' } },
    {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'web-migrate' },
      spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'migrate', image: 'migrate:1' }] } } },
    },
    {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: 'web-report' },
      spec: {
        schedule: '0 4 * * *',
        jobTemplate: {
          spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'report', image: 'report:1' }] } } },
        },
      },
    },
    {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata,
      spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, maxReplicas: 5 },
    },
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata,
      spec: { maxUnavailable: 1, selector: { matchLabels: labels } },
    },
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata,
      spec: { defaultBackend: { service: { name: 'web', port: { number: 80 } } } },
    },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'ServiceAccount', name: 'web', namespace: 'items' }],
    },
  ];
}

function planOf(targets: readonly string[], tag: string): Plan {
  const stage = (target: string): StagePlan => ({
    id: `release-${target}`,
    declaredAs: 'release',
    kind: 'deploy',
    target,
    needs: [],
    with: {},
    timeoutMs: 60_000,
    retry: { attempts: 1, backOffMs: 1_000, maximumBackOffMs: 1_000 },
    onFailure: { then: 'fail', others: 'cancel' },
  });
  return {
    format: 1,
    pipeline: 'items-api',
    team: 'items',
    namespace: 'items',
    images: images(tag),
    inputs: {},
    stages: targets.map(stage),
    concurrency: { group: 'items-api', limit: 1, whenBusy: 'newest' },
    timeoutMs: 60_000,
    notify: [],
    manifests: 'sha256:manifests',
  };
}

describe.skipIf(!requireControlPlane())('a plan against a real control plane', () => {
  let plane: ControlPlane;
  let cluster: KubernetesCluster;
  let world: DeployWorld;
  beforeAll(async () => {
    plane = await startControlPlane();
    cluster = openCluster({ access: { kubeconfigPath: plane.kubeconfigPath, contextName: plane.contextName } });
    world = { cluster, locks: lockCells(), clock: wallClock() };
  });
  afterAll(async () => {
    cluster?.close();
    await plane?.stop();
  });

  const compareTargets = (all: Manifest[], tag: string, targets = ['jp']): Promise<readonly TargetComparison[]> =>
    compareLive(
      {
        kinds: stageKinds(),
        blobs: blobsOf(all),
        clusterOf: async (target) => {
          if (target !== 'down') return cluster;
          return openCluster({ access: { server: 'http://127.0.0.1:1', token: async () => 'none' } });
        },
      },
      planOf(targets, tag),
      signal,
    );

  /** What is not the same, by the object's kind. */
  const differences = async (all: Manifest[], tag: string) => {
    const [only] = await compareTargets(all, tag);
    if (only?.is !== 'compared') throw new Error(`not compared: ${JSON.stringify(only)}`);
    const found = only.objects.filter(({ is }) => is !== 'same');
    return Object.fromEntries(found.map(({ kind, is, fields, note }) => [kind, { is, fields, note }]));
  };

  const deployNow = async (all: Manifest[], tag: string, execution: string) => {
    let cursor: DeployCursor | undefined;
    for (let steps = 0; steps < MAXIMUM_STEPS; steps++) {
      const input = { by: steps === 0 ? 'begin' : 'again' } as const;
      const context = contextOf(world, all, images(tag), { execution });
      const outcome = await deploy.step(deployParameters.parse({}), { cursor, input }, context);
      if (outcome.is === 'succeeded') return;
      if (!('cursor' in outcome)) throw new Error(`the deploy did not succeed: ${JSON.stringify(outcome)}`);
      cursor = outcome.cursor;
    }
    throw new Error(`the deploy did not end in ${MAXIMUM_STEPS} steps`);
  };

  /** Changes with every write of an object that no controller writes to, and with each new generation of the others. */
  const written = () => {
    const list = JSON.parse(plane.kubectl(['get', 'svc,cm,secret,deploy,job,hpa', '-n', 'items', '-o', 'json']));
    const states = (list.items as { kind: string; metadata: { generation?: number; resourceVersion: string } }[]).map(
      ({ kind, metadata }) => `${kind} ${metadata.generation ?? metadata.resourceVersion}`,
    );
    return states.sort();
  };

  it('creates everything at first, although the namespace is not there yet', async () => {
    const found = await differences(manifests(), '1');
    expect(new Set(Object.values(found).map(({ is }) => is))).toEqual(new Set(['create']));
    expect(Object.values(found).filter(({ note }) => note !== undefined)).toEqual([]);
    expect(Object.keys(found)).toHaveLength(manifests().length);
    expect(plane.kubectl(['get', 'namespace', 'items', '--ignore-not-found'])).toBe('');
    const homeless = manifests().filter(({ kind }) => kind === 'ConfigMap');
    const alone = await compareLive(
      { kinds: stageKinds(), blobs: blobsOf(homeless), clusterOf: async () => cluster },
      { ...planOf(['jp'], '1'), images: {} },
      signal,
    );
    expect(alone[0]).toMatchObject({
      objects: [{ is: 'create', note: expect.stringContaining('"items" not found') }],
    });
  });

  it('shows nothing right after the first deploy, nor after the next', async () => {
    await deployNow(manifests(), '1', 'e1');
    expect(await differences(manifests(), '1')).toEqual({});
    await deployNow(manifests(), '2', 'e2');
    expect(await differences(manifests(), '2')).toEqual({});
  });

  it('shows exactly what was changed by hand, and by whom', async () => {
    const kubectl = (...args: string[]) => plane.kubectl([...args, '-n', 'items']);
    kubectl('set', 'env', 'deployment/web', 'MODE=b', 'ADDED=1');
    kubectl('scale', 'deployment/web', '--replicas=4');
    kubectl('patch', 'service/web', '-p', '{"spec":{"ports":[{"port":80,"targetPort":9090}]}}');
    kubectl('patch', 'configmap/web', '-p', '{"data":{"app.properties":"mode=b","theirs":"1"}}');
    kubectl('patch', 'secret/web', '-p', '{"stringData":{"token":"another-secret"}}');
    kubectl('label', 'deployment/web', 'team=others', '--overwrite');
    kubectl('annotate', 'deployment/web', 'example.com/looked-at=yes');
    kubectl('delete', 'pdb/web');
    const before = written();
    const found = await differences(manifests(), '2');
    expect(written()).toEqual(before);
    expect(found).toEqual({
      Deployment: {
        is: 'change',
        fields: expect.toSatisfy((fields: ObjectComparison['fields']) => {
          const told = (fields ?? []).map(({ path, from, to, owners }) => ({ path, from, to, owners }));
          expect(told.sort((one, other) => (one.path < other.path ? -1 : 1))).toEqual([
            { path: 'metadata.labels.team', from: 'others', to: 'items', owners: ['kubectl-label'] },
            { path: 'spec.replicas', from: 4, to: 2, owners: ['kubectl'] },
            {
              path: 'spec.template.spec.containers[api].env[MODE].value',
              from: 'b',
              to: 'a',
              owners: ['kubectl-set'],
            },
          ]);
          return true;
        }),
      },
      Service: {
        is: 'change',
        fields: [{ path: 'spec.ports[80].targetPort', from: 9090, to: 8080, owners: ['kubectl-patch'] }],
      },
      ConfigMap: {
        is: 'change',
        fields: [{ path: 'data[app.properties]', from: 'mode=b', to: 'mode=a', owners: ['kubectl-patch'] }],
      },
      Secret: { is: 'change', fields: [{ path: 'data.token', masked: 'changed', owners: ['kubectl-patch'] }] },
      PodDisruptionBudget: { is: 'create' },
    });
    expect(JSON.stringify(found)).not.toMatch(/secret"|very|another/);
    await deployNow(manifests(), '2', 'e3');
    expect(await differences(manifests(), '2')).toEqual({});
  });

  it('shows what a new version and a changed manifest would change, and what they would remove', async () => {
    const changed = manifests().map((manifest): Manifest => {
      if (manifest.kind === 'ConfigMap') return { ...manifest, data: { level: 'debug' } };
      if (manifest.kind === 'Deployment') return { ...manifest, metadata: { name: 'web' } };
      return manifest;
    });
    expect(await differences(changed, '3')).toEqual({
      ConfigMap: {
        is: 'change',
        fields: [
          { path: 'data[app.properties]', from: 'mode=a' },
          { path: 'data.level', from: 'info', to: 'debug' },
        ],
      },
      Deployment: {
        is: 'change',
        fields: [
          {
            path: 'spec.template.spec.containers[api].image',
            from: `${REPOSITORY}:2@sha256:${'2'.repeat(64)}`,
            to: `${REPOSITORY}:3@sha256:${'3'.repeat(64)}`,
          },
          { path: 'metadata.labels.team', from: 'items' },
        ],
      },
    });
  });

  it('tells what cannot be changed in place from what is wrong, and an ended Job from one that runs', async () => {
    const wrong = manifests().map((manifest): Manifest => {
      const { kind } = manifest;
      if (kind === 'Deployment') {
        const labels = { app: 'other' };
        const spec = manifest.spec as { template: { metadata: object } };
        const template = { ...spec.template, metadata: { labels } };
        return { ...manifest, spec: { ...spec, selector: { matchLabels: labels }, template } };
      }
      if (kind === 'Service') return { ...manifest, spce: {} };
      if (kind === 'Job') {
        const containers = [{ name: 'migrate', image: 'migrate:2' }];
        return { ...manifest, spec: { template: { spec: { restartPolicy: 'Never', containers } } } };
      }
      return manifest;
    });
    plane.kubectl(['wait', '--for=condition=Complete', 'job/web-migrate', '-n', 'items', '--timeout=60s']);
    expect(await differences(wrong, '2')).toEqual({
      Deployment: { is: 'refused', note: expect.stringMatching(/^it cannot be changed in place: .*spec\.selector/) },
      Service: { is: 'refused', note: expect.stringContaining('spce') },
      Job: { is: 'replace', note: 'the ended Job makes room for the new one' },
    });
  });

  it('tells of a cluster that cannot be reached, beside one that can', async () => {
    const found = await compareTargets(manifests(), '2', ['jp', 'down']);
    expect(found.map(({ target, is }) => [target, is])).toEqual([
      ['jp', 'compared'],
      ['down', 'unreachable'],
    ]);
  });
});
