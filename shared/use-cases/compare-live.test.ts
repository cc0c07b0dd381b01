import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { handClock } from '../../test/support/clocks.ts';
import { planOf, stagePlan } from '../../test/support/execution-fixtures.ts';
import { SandboxCluster } from '../kubernetes/sandbox.ts';
import { type Cluster, ClusterError, type ClusterErrorCode, type Manifest } from '../ports/cluster.ts';
import { type StageKind, TerminalError } from '../stages/kind.ts';
import { compareLive, MAXIMUM_COMPARED_OBJECTS } from './compare-live.ts';

const signal = new AbortController().signal;
const configMap = (name: string, value: string): Manifest => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'items' },
  data: { value },
});

const objects = z.object({ objects: z.array(z.unknown()) });
/** A kind that applies what its parameters hold. */
const applies: StageKind = {
  kind: 'applies',
  description: 'A kind for this test.',
  target: 'required',
  with: objects,
  cursor: z.null(),
  outputs: z.null(),
  delivers: async (parameters) => {
    const given = objects.parse(parameters).objects as Manifest[];
    if (given.length === 0) throw new TerminalError('choosing the manifests: there are none');
    return given;
  },
  step: () => Promise.reject(new Error('a plan runs nothing')),
  stop: () => Promise.reject(new Error('a plan runs nothing')),
};

function world() {
  const cluster = new SandboxCluster({ clock: handClock() });
  const writes = ['create', 'apply', 'delete'] as const;
  const readOnly = new Proxy(cluster, {
    get(target, name) {
      if (writes.some((write) => write === name)) throw new Error(`a plan called ${String(name)}`);
      const found: unknown = Reflect.get(target, name);
      return typeof found === 'function' ? found.bind(target) : found;
    },
  });
  const compare = (stages: ReturnType<typeof stage>[], asked: Cluster = readOnly, namespaces?: string[]) =>
    compareLive(
      {
        kinds: new Map([[applies.kind, applies]]),
        blobs: { get: async () => undefined, put: async () => '' },
        clusterOf: async (target) => {
          if (target === 'nowhere') throw new TerminalError('No target is called nowhere.');
          return asked;
        },
      },
      planOf({ stages, ...(namespaces === undefined ? {} : { namespaces }) }),
      signal,
    );
  return { cluster, readOnly, compare };
}

const stage = (id: string, target: string, given: readonly Manifest[], more: object = {}) =>
  stagePlan(id, { kind: 'applies', target, with: { objects: JSON.parse(JSON.stringify(given)) }, ...more });

describe('comparing a plan with what lives', () => {
  it('shows each object once, as the last stage of its target would leave it', async () => {
    const { cluster, compare } = world();
    await cluster.create({ manifest: configMap('a', 'old'), fieldManager: 'gennaker' });
    const [jp, ...others] = await compare([
      stage('first', 'jp', [configMap('a', 'first')]),
      stage('second', 'jp', [configMap('a', 'second'), configMap('b', 'new')]),
      stage('never', 'jp', [configMap('c', 'never')], { skip: 'its condition "if" is false' }),
      stage('later', 'jp', [], { isDynamic: true }),
    ]);
    expect(others).toEqual([]);
    expect(jp).toMatchObject({
      target: 'jp',
      stages: ['first', 'second', 'later'],
      later: ['later'],
      is: 'compared',
      objects: [
        {
          name: 'a',
          is: 'change',
          fields: [
            { path: 'data.value', from: 'old', to: 'second' },
            { path: 'metadata.labels', to: { 'app.kubernetes.io/managed-by': 'gennaker' } },
          ],
        },
        { name: 'b', is: 'create' },
      ],
      unseen: 0,
    });
  });

  it('asks nothing about objects of the whole cluster for a plan that is held to namespaces', async () => {
    const { cluster, compare } = world();
    await cluster.create({ manifest: configMap('a', 'old'), fieldManager: 'gennaker' });
    const asked = new Proxy(cluster, {
      get(target, name) {
        if (name === 'isNamespaced') return async ({ kind }: { kind: string }) => kind !== 'Issuer';
        const found: unknown = Reflect.get(target, name);
        return typeof found === 'function' ? found.bind(target) : found;
      },
    });
    const issuer = { ...configMap('a', 'own'), apiVersion: 'acme.dev/v1', kind: 'Issuer' };
    await cluster.create({ manifest: issuer, fieldManager: 'others' });
    const stages = [stage('all', 'jp', [configMap('a', 'new'), issuer])];
    const [held] = await compare(stages, asked, ['items']);
    expect(held).toMatchObject({
      objects: [
        { kind: 'ConfigMap', is: 'change' },
        { kind: 'Issuer', is: 'refused', note: expect.stringContaining('a whole cluster') },
      ],
    });
    expect(JSON.stringify(held)).not.toContain('own');
  });

  it('bounds how many objects it looks at, and says so', async () => {
    const many = Array.from({ length: MAXIMUM_COMPARED_OBJECTS + 3 }, (_, index) => configMap(`a${index}`, ''));
    const [jp] = await world().compare([stage('all', 'jp', many)]);
    expect(jp).toMatchObject({ is: 'compared', unseen: 3 });
  });

  it('keeps what is wrong with one target from the others', async () => {
    const given = [configMap('a', '1')];
    const found = await world().compare([stage('x', 'jp', given), stage('y', 'nowhere', given), stage('z', 'us', [])]);
    expect(found.map(({ target, is }) => [target, is])).toEqual([
      ['jp', 'compared'],
      ['nowhere', 'failed'],
      ['us', 'failed'],
    ]);
    expect(found[1]).toMatchObject({ text: 'No target is called nowhere.' });
  });

  it('reads again what changes while it is compared', async () => {
    const { cluster, readOnly, compare } = world();
    const live = await cluster.create({ manifest: configMap('a', 'old'), fieldManager: 'gennaker' });
    let tried = 0;
    const moving: Cluster = new Proxy(readOnly, {
      get(target, name) {
        const found: unknown = Reflect.get(target, name);
        if (name !== 'dryRun') return found;
        return async (query: Parameters<Cluster['dryRun']>[0]) => {
          tried += 1;
          if (tried === 1) {
            const manifest = configMap('a', 'moved');
            await cluster.apply({ manifest, expected: live.metadata, fieldManager: 'someone' });
          }
          return target.dryRun(query);
        };
      },
    });
    const [jp] = await compare([stage('x', 'jp', [configMap('a', 'new')])], moving);
    expect(tried).toBe(2);
    expect(jp).toMatchObject({ objects: [{ fields: [{ from: 'moved', to: 'new', owners: ['someone'] }, {}] }] });
  });

  it.each<[ClusterErrorCode, object]>([
    ['forbidden', { is: 'compared', objects: [{ is: 'unknown', note: 'could not: forbidden' }] }],
    ['invalid', { is: 'compared', objects: [{ is: 'refused', note: 'could not: invalid' }] }],
    ['unauthorized', { is: 'failed', text: 'could not: unauthorized' }],
    ['unreachable', { is: 'unreachable', text: 'could not: unreachable' }],
  ])('tells what an answer of %s means', async (code, expected) => {
    const { readOnly, compare } = world();
    const refusing: Cluster = new Proxy(readOnly, {
      get(target, name) {
        if (name !== 'dryRun') return Reflect.get(target, name);
        return () => Promise.reject(new ClusterError(code, `could not: ${code}`));
      },
    });
    const [jp] = await compare([stage('x', 'jp', [configMap('a', '1')])], refusing);
    expect(jp).toMatchObject(expected);
  });
});
