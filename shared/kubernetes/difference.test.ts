import { describe, expect, it } from 'vitest';
import type { LiveObject, Manifest } from '../ports/cluster.ts';
import { changesOf } from './difference.ts';

const metadata = {
  name: 'items-api',
  namespace: 'items',
  uid: 'u1',
  resourceVersion: '7',
  creationTimestamp: '2026-01-01T00:00:00Z',
};

function live(spec: object, more: object = {}): LiveObject {
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { ...metadata, ...more }, spec };
}

const changes = (from: LiveObject, to: Manifest) => changesOf(from, to).fields;

describe('the difference of a live object and what it would become', () => {
  it('is nothing where only the server and our own marks differ', () => {
    const from = live({ replicas: 1 }, { annotations: { 'gennaker.dev/fence': '1.1.1', team: 'items' } });
    const planned = {
      ...from,
      metadata: { ...from.metadata, resourceVersion: '8', generation: 3, annotations: { team: 'items' } },
      spec: { replicas: 1, paused: null, template: {} },
      status: { replicas: 1 },
    };
    expect(changes(from, planned)).toEqual([]);
    const bare = live({ replicas: 1 }, { annotations: { 'gennaker.dev/execution': 'e1' } });
    expect(changes(bare, live({ replicas: 1 }))).toEqual([]);
  });

  it('names fields by their path, and the items of lists by their key', () => {
    const container = (image: string, ports: object[] = []) => ({ name: 'api', image, ports });
    const from = live({ containers: [{ name: 'side', image: 's:1' }, container('a:1')], args: ['x'] });
    const to = live({ containers: [container('a:2', [{ containerPort: 80 }]), { name: 'new' }], args: ['x', 'y'] });
    expect(changes(from, to)).toEqual([
      { path: 'spec.containers[side]', from: { name: 'side', image: 's:1' } },
      { path: 'spec.containers[api].image', from: 'a:1', to: 'a:2' },
      { path: 'spec.containers[api].ports', from: [], to: [{ containerPort: 80 }] },
      { path: 'spec.containers[new]', to: { name: 'new' } },
      { path: 'spec.args', from: ['x'], to: ['x', 'y'] },
    ]);
  });

  it('does not mind the order of items that have a key', () => {
    const a = { name: 'a', value: '1' };
    const b = { name: 'b', value: '2' };
    expect(changes(live({ env: [a, b] }), live({ env: [b, a] }))).toEqual([]);
  });

  it('numbers items that share their key, and counts those that have none', () => {
    const port = (protocol: string, to: number) => ({ port: 53, protocol, targetPort: to });
    expect(
      changes(
        live({ ports: [port('TCP', 1), port('UDP', 1)], rules: [{ from: ['a'] }] }),
        live({ ports: [port('TCP', 1), port('UDP', 2)], rules: [{ from: ['b'] }] }),
      ),
    ).toEqual([
      { path: 'spec.ports[53#2].targetPort', from: 1, to: 2 },
      { path: 'spec.rules[0].from', from: ['a'], to: ['b'] },
    ]);
  });

  it('quotes keys that are no plain words by brackets', () => {
    const from = live({}, { labels: { 'app.kubernetes.io/name': 'a' } });
    const to = live({}, { labels: { 'app.kubernetes.io/name': 'b' } });
    expect(changes(from, to)[0]?.path).toBe('metadata.labels[app.kubernetes.io/name]');
  });

  it('names the other managers that own a field that would change', () => {
    const managedFields = [
      { manager: 'gennaker', operation: 'Apply', apiVersion: 'apps/v1', fieldsV1: { 'f:spec': { 'f:replicas': {} } } },
      {
        manager: 'kube-controller-manager',
        operation: 'Update',
        apiVersion: 'apps/v1',
        subresource: 'scale',
        fieldsV1: { 'f:spec': { 'f:replicas': {} } },
      },
      {
        manager: 'kubectl-edit',
        operation: 'Update',
        apiVersion: 'apps/v1',
        fieldsV1: { 'f:spec': { 'f:containers': { 'k:{"name":"api"}': { 'f:image': {} } }, 'f:selector': {} } },
      },
    ];
    const from = live({ replicas: 5, containers: [{ name: 'api', image: 'a:1', tty: true }] }, { managedFields });
    const to = live({ replicas: 3, containers: [{ name: 'api', image: 'a:2', tty: false }] });
    expect(changes(from, to)).toEqual([
      { path: 'spec.replicas', from: 5, to: 3, owners: ['kube-controller-manager'] },
      { path: 'spec.containers[api].image', from: 'a:1', to: 'a:2', owners: ['kubectl-edit'] },
      { path: 'spec.containers[api].tty', from: true, to: false },
    ]);
  });

  it("never shows what a Secret holds, nor what kubectl kept of it, though the key of another's data", () => {
    const secret = (data: object, kept: string): LiveObject => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { ...metadata, annotations: { 'kubectl.kubernetes.io/last-applied-configuration': kept } },
      data,
    });
    const found = changesOf(
      secret({ token: 'b2xk', gone: 'Z29uZQ==', same: 'eA==' }, 'b2xk'),
      secret({ token: 'bmV3', fresh: 'ZnJlc2g=', same: 'eA==' }, 'bmV3'),
    );
    expect(found.fields).toEqual([
      { path: 'data.token', masked: 'changed' },
      { path: 'data.gone', masked: 'removed' },
      { path: 'data.fresh', masked: 'added' },
    ]);
    expect(JSON.stringify(found)).not.toMatch(/b2xk|bmV3|Z29uZQ|ZnJlc2g/);
  });

  it('bounds how many fields are told, and how much of each', () => {
    const data = (value: string) => Object.fromEntries(Array.from({ length: 250 }, (_, index) => [`k${index}`, value]));
    const found = changesOf(live(data('a')), live({ ...data('b'), k0: 'x'.repeat(10_000) }));
    expect(found.fields).toHaveLength(200);
    expect(found.more).toBe(50);
    expect(String(found.fields[0]?.to)).toHaveLength(4_001);
  });
});
