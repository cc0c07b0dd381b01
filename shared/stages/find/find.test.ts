import { describe, expect, it } from 'vitest';
import type { OtherExecution, OtherExecutions } from '../../ports/other-executions.ts';
import { prove } from '../proofs.ts';
import { find } from './index.ts';
import { findParameters } from './schema.ts';
import { step } from './step.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const FOUND: OtherExecution = {
  id: 'e9',
  pipeline: 'items-db',
  end: 'succeeded',
  endedAt: 0,
  images: { db: { repository: 'registry.example/db', tag: '2.0.0', digest } },
  outputs: { migrate: { rows: 3 } },
};
const others = (found: OtherExecution | undefined): OtherExecutions => ({
  start: async () => ({ is: 'refused', text: 'nothing is started', isCycle: false }),
  requested: () => ({ execution: '', event: '' }),
  read: async () => undefined,
  whyNotStarted: async () => undefined,
  newest: async ({ pipeline, end }) =>
    found?.pipeline === pipeline && (end ?? found.end) === found.end ? found : undefined,
  stop: async () => undefined,
});
const effects = () => [];
const parameters = { execution: { pipeline: 'items-db' } };

prove({ name: 'an execution', kind: find, parameters, world: () => ({ others: others(FOUND), effects }) });
prove({
  name: 'nothing',
  kind: find,
  parameters,
  world: () => ({ others: others(undefined), effects }),
  ends: 'failed',
});

describe('finding', () => {
  const at = { cursor: undefined, input: { by: 'begin' } } as const;

  it('gives images and outputs of the newest execution that ended as wanted', async () => {
    const context = { others: others(FOUND) } as never;
    expect(await step(findParameters.parse(parameters), at, context)).toEqual({
      is: 'succeeded',
      outputs: {
        execution: 'e9',
        end: 'succeeded',
        images: { db: `registry.example/db:2.0.0@${digest}` },
        outputs: { migrate: { rows: 3 } },
      },
    });
    const failed = findParameters.parse({ execution: { pipeline: 'items-db', end: 'failed' } });
    expect(await step(failed, at, context)).toMatchObject({
      reason: { code: 'not-found', text: 'No recent execution of items-db has failed.' },
    });
  });

  it("gives a live object of the pipeline's namespace, and the images in it", async () => {
    const spec = { template: { spec: { containers: [{ name: 'api', image: 'registry.example/api:1' }] } } };
    const metadata = { name: 'items-api', namespace: 'items', managedFields: [{}] };
    const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec };
    const context = {
      namespace: 'items',
      target: 'jp',
      cluster: async () => ({
        get: async ({ ref }: { ref: { name: string; namespace: string } }) =>
          ref.name === 'items-api' && ref.namespace === 'items' ? deployment : undefined,
      }),
    } as never;
    const named = (name: string) => findParameters.parse({ object: { kind: 'Deployment', name } });
    expect(await step(named('items-api'), at, context)).toEqual({
      is: 'succeeded',
      outputs: {
        images: { api: 'registry.example/api:1' },
        object: { ...deployment, metadata: { name: 'items-api', namespace: 'items' } },
      },
    });
    expect(await step(named('other'), at, context)).toMatchObject({
      reason: { code: 'not-found', text: 'There is no Deployment items/other in jp.' },
    });
  });

  it('of a pipeline that is held to namespaces looks at nothing of the whole cluster, and at no other namespace', async () => {
    const context = {
      namespace: 'items',
      namespaces: ['items'],
      target: 'jp',
      signal: new AbortController().signal,
      cluster: async () => ({
        get: async ({ ref }: { ref: object }) => ({ ...ref, metadata: { name: 'x' } }),
        isNamespaced: async ({ kind }: { kind: string }) => (kind === 'Gone' ? undefined : kind !== 'ClusterThing'),
      }),
    } as never;
    const look = (kind: string, name = 'x') => step(findParameters.parse({ object: { kind, name } }), at, context);
    for (const kind of ['ClusterRole', 'ClusterThing', 'Gone']) await expect(look(kind)).rejects.toThrow('may not be');
    const namespace = findParameters.parse({ object: { 'api-version': 'v1', kind: 'Namespace', name: 'kube-system' } });
    await expect(step(namespace, at, context)).rejects.toThrow('"kube-system" is not among the namespaces of its team');
    expect(await look('Thing')).toMatchObject({ is: 'succeeded' });
  });

  it.each([
    [{}, 'takes exactly one of execution and object, not none'],
    [{ object: { kind: 'Secret', name: 'x' } }, 'is not shown to stages'],
  ])('does not take %j', (given, message) => {
    expect(findParameters.safeParse(given).error?.issues.map((issue) => issue.message)).toEqual([message]);
  });
});
