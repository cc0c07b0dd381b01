import { describe, expect, it } from 'vitest';
import type { LiveObject } from '../ports/cluster.ts';
import { evaluate, type HealthQuery } from './health.ts';

const NOW = Date.parse('2026-05-01T12:00:00Z');
const ago = (seconds: number) => new Date(NOW - seconds * 1_000).toISOString();

type Fields = { [field: string]: unknown };

function object(kind: string, name: string, fields: Fields = {}, metadata: Fields = {}): LiveObject {
  const uid = `${kind}-${name}`;
  const times = { creationTimestamp: ago(60), resourceVersion: '1' };
  return { apiVersion: 'v1', kind, ...fields, metadata: { name, namespace: 'shop', uid, ...times, ...metadata } };
}

function ownedBy(owner: LiveObject): Fields {
  const { kind, metadata } = owner;
  const { name, uid } = metadata;
  return { ownerReferences: [{ apiVersion: 'apps/v1', kind, name, uid, controller: true }] };
}

const template = (image: string, labels: Fields = {}) => ({
  metadata: { labels: { app: 'items', ...labels } },
  spec: { containers: [{ name: 'app', image }] },
});
const ready = { type: 'Ready', status: 'True' };

function pod(name: string, owner: LiveObject, status: Fields = {}, metadata: Fields = {}): LiveObject {
  const running = { phase: 'Running', startTime: ago(20), conditions: [ready], ...status };
  const spec = { containers: [{ name: 'app', image: 'registry.test/items:2' }] };
  return object('Pod', name, { spec, status: running }, { ...ownedBy(owner), ...metadata });
}

function waiting(reason: string, message?: string, more: Fields = {}): Fields {
  const container = {
    name: 'app',
    image: 'sha256:resolved',
    ready: false,
    restartCount: 0,
    state: { waiting: { reason, message } },
  };
  return { phase: 'Pending', conditions: [], containerStatuses: [{ ...container, ...more }] };
}

function health(of: LiveObject, children: LiveObject[] = [], more: Partial<HealthQuery> = {}) {
  return evaluate({ object: of, children, now: NOW, ...more });
}

const stableStatus = { observedGeneration: 2, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2 };

function deployment(status: Fields = {}, spec: Fields = {}, metadata: Fields = {}): LiveObject {
  const fields = {
    spec: { replicas: 2, template: template('items:2'), ...spec },
    status: { ...stableStatus, ...status },
  };
  return object('Deployment', 'items', fields, { generation: 2, ...metadata });
}

function replicaSet(name: string, image: string, owner: LiveObject): LiveObject {
  const labelled = template(image, { 'pod-template-hash': name });
  return object('ReplicaSet', name, { spec: { template: labelled } }, ownedBy(owner));
}

const rolling = { updatedReplicas: 1, replicas: 3, availableReplicas: 2 };
const base = deployment();
const oldSet = replicaSet('items-1', 'items:1', base);
const newSet = replicaSet('items-2', 'items:2', base);

describe('the health of a Deployment', () => {
  it('is stable when every pod is new, available and alone', () => {
    const result = health(base, [oldSet, newSet, pod('a', newSet), pod('b', newSet)]);
    expect(result).toMatchObject({ state: 'stable', progress: '2 of 2 new pods ready' });
    expect(result.pods).toEqual({ total: 2, ready: 2, current: 2, currentReady: 2, terminating: 0 });
  });

  it.each<[string, Fields, Fields?]>([
    ['its controller has not seen the new specification', { observedGeneration: 1 }],
    ['its controller has not seen it at all', { observedGeneration: undefined }],
    ['not all pods are new', { updatedReplicas: 1 }],
    ['old pods are left', { replicas: 3 }],
    ['not all are available yet', { availableReplicas: 1 }],
    ['it is paused', {}, { paused: true }],
  ])('is progressing while %s', (_, status, spec = {}) => {
    expect(health(deployment(status, spec), [newSet]).state).toBe('progressing');
  });

  it('is progressing while old pods are terminating, which its own status does not count', () => {
    const leaving = pod('old', oldSet, {}, { deletionTimestamp: ago(1) });
    const result = health(base, [oldSet, newSet, pod('a', newSet), pod('b', newSet), leaving]);
    expect(result).toMatchObject({ state: 'progressing', progress: '2 of 2 new pods ready, 1 old pod left' });
  });

  it('is progressing while it is being deleted', () => {
    expect(health(deployment({}, {}, { deletionTimestamp: ago(1) })).state).toBe('progressing');
  });

  it('is stable without any pods where none are wanted', () => {
    const none = { replicas: 0, updatedReplicas: 0, readyReplicas: 0, availableReplicas: 0 };
    expect(health(deployment(none, { replicas: 0 }), [newSet]).state).toBe('stable');
  });

  it.each([
    ['ImagePullBackOff', 'Back-off pulling image "items:2": ErrImagePull: not found'],
    ['ErrImagePull', 'failed to pull: not found'],
    ['InvalidImageName', 'couldn’t parse image name'],
  ])('fails at once for %s, naming pod, container, image and cause', (reason, message) => {
    const result = health(deployment(rolling), [oldSet, newSet, pod('new', newSet, waiting(reason, message))]);
    const text = `Pod new cannot pull the image registry.test/items:2 of its container app: ${message}`;
    expect(result).toMatchObject({ state: 'failed', reason: { code: 'image-not-pullable', text } });
  });

  it('gives a pull that may pass another try', () => {
    const slow = pod('new', newSet, waiting('ErrImagePull', 'dial tcp: i/o timeout'));
    expect(health(deployment(rolling), [newSet, slow]).state).toBe('progressing');
  });

  it('fails for a crash loop, with the last exit', () => {
    const lastState = { terminated: { exitCode: 137, reason: 'OOMKilled' } };
    const crashing = pod('new', newSet, waiting('CrashLoopBackOff', 'back-off', { restartCount: 3, lastState }));
    expect(health(deployment(rolling), [newSet, crashing])).toMatchObject({
      state: 'failed',
      reason: {
        code: 'crash-loop',
        text: 'Pod new: its container app has crashed 3 times, last with exit code 137 (OOMKilled)',
      },
    });
  });

  it('fails for a crash loop that runs at the moment, not for one crash, nor for one that is over', () => {
    const running = (restartCount: number, isReady: boolean) =>
      pod('new', newSet, {
        conditions: [],
        containerStatuses: [{ name: 'app', ready: isReady, restartCount, state: { running: {} } }],
      });
    expect(health(deployment(rolling), [newSet, running(2, false)]).reason?.code).toBe('crash-loop');
    expect(health(deployment(rolling), [newSet, running(1, false)]).state).toBe('progressing');
    expect(health(deployment(rolling), [newSet, running(5, true)]).state).toBe('progressing');
  });

  it('looks at init containers too', () => {
    const init = { name: 'migrate', ready: false, restartCount: 2, state: { waiting: { reason: 'CrashLoopBackOff' } } };
    const stuck = pod('new', newSet, { ...waiting('PodInitializing'), initContainerStatuses: [init] });
    expect(health(deployment(rolling), [newSet, stuck]).reason).toMatchObject({
      code: 'crash-loop',
      text: expect.stringContaining('its init container migrate has crashed 2 times'),
    });
    const done = { ...init, state: { terminated: { exitCode: 0 } } };
    const through = pod('new', newSet, { ...waiting('ContainerCreating'), initContainerStatuses: [done] });
    expect(health(deployment(rolling), [newSet, through]).state).toBe('progressing');
  });

  it('is not failed by pods of the old version, of others, or that are on their way out', () => {
    const broken = waiting('ImagePullBackOff');
    const stranger = object('ReplicaSet', 'other', {}, ownedBy(object('Deployment', 'other')));
    const children = [
      oldSet,
      newSet,
      stranger,
      pod('old', oldSet, broken),
      pod('foreign', stranger, broken),
      pod('leaving', newSet, broken, { deletionTimestamp: ago(1) }),
      pod('evicted', newSet, { ...broken, phase: 'Failed' }),
    ];
    expect(health(deployment(rolling), children).state).toBe('progressing');
  });

  it('finds the new ReplicaSet by its revision where defaults make the templates differ', () => {
    const revision = { annotations: { 'deployment.kubernetes.io/revision': '2' } };
    const owner = deployment(rolling, {}, revision);
    const set = object(
      'ReplicaSet',
      'defaulted',
      { spec: { template: template('other') } },
      { ...ownedBy(owner), ...revision },
    );
    expect(health(owner, [set, pod('new', set, waiting('ImagePullBackOff'))]).state).toBe('failed');
  });

  it.each([
    ['exceeded quota: pods', 'quota-exceeded'],
    ['denied by a webhook', 'rollout-failed'],
  ])('fails after a grace when pods are refused: %s', (message, code) => {
    const refused = (seconds: number) =>
      deployment({
        ...rolling,
        conditions: [{ type: 'ReplicaFailure', status: 'True', message, lastTransitionTime: ago(seconds) }],
      });
    expect(health(refused(11), [newSet])).toMatchObject({ state: 'failed', reason: { code } });
    expect(health(refused(4), [newSet])).toMatchObject({ state: 'progressing', lookAgainAt: NOW + 6_000 });
  });

  it('fails for a pod that fits on no node only after 30 s', () => {
    const homeless = (seconds: number) => {
      const lastTransitionTime = ago(seconds);
      const condition = {
        type: 'PodScheduled',
        status: 'False',
        reason: 'Unschedulable',
        message: 'no room',
        lastTransitionTime,
      };
      return pod('new', newSet, { phase: 'Pending', conditions: [condition] });
    };
    expect(health(deployment(rolling), [newSet, homeless(31)])).toMatchObject({
      state: 'failed',
      reason: { code: 'unschedulable', text: 'Pod new fits on no node: no room' },
    });
    expect(health(deployment(rolling), [newSet, homeless(10)])).toMatchObject({
      state: 'progressing',
      progress: expect.stringContaining('no room'),
      lookAgainAt: NOW + 20_000,
    });
  });

  it('fails for a configuration that is missing only after a grace', () => {
    const stuck = (seconds: number) => {
      const status = waiting('CreateContainerConfigError', 'secret "db" not found');
      return pod('new', newSet, { ...status, startTime: ago(seconds) });
    };
    expect(health(deployment(rolling), [newSet, stuck(11)]).reason?.text).toMatch(
      /cannot create .* secret "db" not found/,
    );
    expect(health(deployment(rolling), [newSet, stuck(1)]).state).toBe('progressing');
  });

  it('fails when its progress deadline has passed', () => {
    const conditions = [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }];
    expect(health(deployment({ ...rolling, conditions }, { progressDeadlineSeconds: 60 }), [newSet]).reason).toEqual({
      code: 'progress-deadline-exceeded',
      text: 'Deployment shop/items made no progress within its deadline of 60 s',
    });
  });

  it('believes no condition that is older than the specification', () => {
    const conditions = [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }];
    expect(health(deployment({ observedGeneration: 1, conditions }), [newSet]).state).toBe('progressing');
  });
});

function statefulSet(status: Fields = {}, spec: Fields = {}): LiveObject {
  const settled = { ...stableStatus, currentRevision: 'r2', updateRevision: 'r2', ...status };
  return object('StatefulSet', 'db', { spec: { replicas: 2, ...spec }, status: settled }, { generation: 2 });
}

describe('the health of a StatefulSet', () => {
  const of = (revision: string) => ({ labels: { 'controller-revision-hash': revision } });

  it.each<[string, string, Fields, Fields?]>([
    ['stable', 'everything is new and ready', {}],
    ['progressing', 'the specification was not seen', { observedGeneration: 1 }],
    ['progressing', 'a scale-down has not ended', { replicas: 3 }],
    ['progressing', 'a pod is not ready', { readyReplicas: 1 }],
    ['progressing', 'not all are updated', { updatedReplicas: 1 }],
    ['progressing', 'the revisions differ', { currentRevision: 'r1' }],
    ['progressing', 'pods are not available for long enough', { availableReplicas: 1 }, { minReadySeconds: 10 }],
    [
      'stable',
      'a partition holds the rest back',
      { updatedReplicas: 1, currentRevision: 'r1' },
      { updateStrategy: { rollingUpdate: { partition: 1 } } },
    ],
    [
      'stable',
      'people replace the pods',
      { updatedReplicas: 0, currentRevision: 'r1' },
      { updateStrategy: { type: 'OnDelete' } },
    ],
  ])('is %s when %s', (state, _, status, spec = {}) => {
    expect(health(statefulSet(status, spec)).state).toBe(state);
  });

  it('is failed by pods of the new revision only', () => {
    const set = statefulSet({ updatedReplicas: 1, currentRevision: 'r1' });
    expect(health(set, [pod('db-1', set, waiting('ImagePullBackOff'), of('r2'))]).reason?.code).toBe(
      'image-not-pullable',
    );
    expect(health(set, [pod('db-1', set, waiting('ImagePullBackOff'), of('r1'))]).state).toBe('progressing');
  });

  it('is progressing while more pods exist than are wanted', () => {
    const set = statefulSet();
    const pods = ['db-0', 'db-1', 'db-2'].map((name) => pod(name, set, {}, of('r2')));
    expect(health(set, pods).state).toBe('progressing');
  });
});

function daemonSet(status: Fields = {}, spec: Fields = {}): LiveObject {
  const settled = { observedGeneration: 2, desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2 };
  return object('DaemonSet', 'agent', { spec, status: { ...settled, ...status } }, { generation: 2 });
}

describe('the health of a DaemonSet', () => {
  it.each<[string, string, Fields, Fields?]>([
    ['stable', 'every node has a new pod', {}],
    ['stable', 'there is no node for it', { desiredNumberScheduled: 0, updatedNumberScheduled: 0, numberAvailable: 0 }],
    ['progressing', 'the specification was not seen', { observedGeneration: 1 }],
    ['progressing', 'not all are updated', { updatedNumberScheduled: 1 }],
    ['progressing', 'not all are available', { numberAvailable: 1 }],
    ['stable', 'people replace the pods', { updatedNumberScheduled: 0 }, { updateStrategy: { type: 'OnDelete' } }],
  ])('is %s when %s', (state, _, status, spec = {}) => {
    expect(health(daemonSet(status, spec)).state).toBe(state);
  });

  it('is failed by the youngest template only, and by none before a pod of it exists', () => {
    const broken = (seconds: number, revision: string) => ({
      creationTimestamp: ago(seconds),
      labels: { 'controller-revision-hash': revision },
    });
    const set = daemonSet({ updatedNumberScheduled: 1 });
    const old = pod('old', set, waiting('ImagePullBackOff'), broken(600, 'r1'));
    expect(health(set, [old, pod('new', set, {}, broken(5, 'r2'))]).state).toBe('progressing');
    const fresh = pod('new', set, waiting('ImagePullBackOff'), broken(5, 'r2'));
    expect(health(set, [old, fresh]).reason?.text).toContain('Pod new');
    expect(health(daemonSet({ updatedNumberScheduled: 0 }), [old]).state).toBe('progressing');
  });
});

describe('the health of a ReplicaSet', () => {
  const set = (status: Fields = {}) =>
    object('ReplicaSet', 'set', { spec: { replicas: 2 }, status: { ...stableStatus, ...status } }, { generation: 2 });

  it.each([
    ['stable', {}],
    ['progressing', { observedGeneration: 1 }],
    ['progressing', { availableReplicas: 1 }],
    ['progressing', { replicas: 3 }],
    ['failed', { conditions: [{ type: 'ReplicaFailure', status: 'True', message: 'x', lastTransitionTime: ago(60) }] }],
  ])('is %s with %j', (state, status) => {
    expect(health(set(status)).state).toBe(state);
  });
});

describe('the health of a Pod', () => {
  const owner = object('Nothing', 'none');

  it.each([
    ['stable', {}],
    ['stable', { phase: 'Succeeded' }],
    ['failed', { phase: 'Failed', reason: 'Evicted' }],
    ['progressing', { conditions: [] }],
    ['failed', waiting('ImagePullBackOff')],
    // One restart is no reason to give up.
    ['progressing', { conditions: [], containerStatuses: [{ name: 'app', ready: false, restartCount: 1 }] }],
  ])('is %s with %j', (state, status) => {
    expect(health(pod('one', owner, status)).state).toBe(state);
  });

  it('says how a failed one ended', () => {
    const containerStatuses = [{ name: 'app', state: { terminated: { exitCode: 3 } } }];
    const failed = pod('one', owner, { phase: 'Failed', containerStatuses });
    expect(health(failed).reason?.text).toBe('Pod shop/one failed: container app ended with exit code 3');
  });
});

describe('the health of a Job', () => {
  const job = (status: Fields, spec: Fields = {}) => object('Job', 'migrate', { spec, status });
  const condition = (type: string, status: string) => ({ conditions: [{ type, status, reason: 'Because' }] });

  it.each([
    ['stable', condition('Complete', 'True'), {}],
    ['failed', condition('Failed', 'True'), {}],
    ['progressing', condition('Failed', 'False'), {}],
    ['progressing', { active: 1 }, {}],
    ['progressing', {}, { suspend: true }],
  ])('is %s with %j', (state, status, spec) => {
    expect(health(job(status, spec)).state).toBe(state);
  });

  it('fails for an image that cannot be pulled, which it would wait for for ever; counting crashes is its own business', () => {
    const running = job({ active: 1 });
    expect(health(running, [pod('p', running, waiting('ImagePullBackOff'))]).reason?.code).toBe('image-not-pullable');
    expect(health(running, [pod('p', running, waiting('CrashLoopBackOff'))]).state).toBe('progressing');
  });
});

describe('the health of everything else', () => {
  it.each<[string, string, Fields]>([
    ['stable', 'Service', { spec: { type: 'ClusterIP' } }],
    ['progressing', 'Service', { spec: { type: 'LoadBalancer' }, status: { loadBalancer: {} } }],
    [
      'stable',
      'Service',
      { spec: { type: 'LoadBalancer' }, status: { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } } },
    ],
    ['stable', 'PersistentVolumeClaim', { status: { phase: 'Bound' } }],
    ['progressing', 'PersistentVolumeClaim', { status: { phase: 'Pending' } }],
    ['failed', 'PersistentVolumeClaim', { status: { phase: 'Lost' } }],
    ['stable', 'ConfigMap', { data: {} }],
    ['stable', 'Certificate', { status: { conditions: [ready] } }],
    ['progressing', 'Certificate', { status: { conditions: [{ type: 'Ready', status: 'False' }] } }],
    ['failed', 'Certificate', { status: { conditions: [{ type: 'Stalled', status: 'True', message: 'no issuer' }] } }],
    ['progressing', 'Certificate', { status: { conditions: [{ type: 'Reconciling', status: 'True' }] } }],
    ['progressing', 'CustomResourceDefinition', { status: {} }],
    ['stable', 'CustomResourceDefinition', { status: { conditions: [{ type: 'Established', status: 'True' }] } }],
    ['failed', 'CustomResourceDefinition', { status: { conditions: [{ type: 'NamesAccepted', status: 'False' }] } }],
    ['progressing', 'APIService', { status: { conditions: [{ type: 'Available', status: 'False' }] } }],
    // A text, as Argo's Rollout has it, is no number to compare with.
    ['stable', 'Rollout', { status: { observedGeneration: '1' } }],
    ['stable', 'Odd', { status: 'a text' }],
    ['stable', 'Odd', { status: { conditions: 'none' } }],
  ])('%s: %s %j', (state, kind, fields) => {
    expect(health(object(kind, 'one', fields, { generation: 3 })).state).toBe(state);
  });

  it('is progressing while a controller has not seen the new generation', () => {
    const fields = { status: { observedGeneration: 2, conditions: [ready] } };
    expect(health(object('Certificate', 'one', fields, { generation: 3 })).state).toBe('progressing');
  });

  it('does not wait for a volume that is bound only when a pod uses it', () => {
    const claim = object('PersistentVolumeClaim', 'one', { status: { phase: 'Pending' } });
    const events = [{ type: 'Normal', reason: 'WaitForFirstConsumer', message: '', count: 1 }];
    expect(health(claim, [], { events }).state).toBe('stable');
  });
});
