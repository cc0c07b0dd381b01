import { describe, expect, it } from 'vitest';
import { planOf, stagePlan } from '../../test/support/execution-fixtures.ts';
import type { Plan } from '../core/plan.ts';
import type { AppliedPipeline } from '../ports/pipelines.ts';
import type { Repository, Team } from '../ports/repositories.ts';
import { requireBinding } from './require-binding.ts';

const TEAMS: readonly Team[] = [
  { format: 1, name: 'items', pipelines: ['items-*'], targets: ['jp'], namespaces: ['items'] },
  { format: 1, name: 'admins', pipelines: ['*'], targets: ['*'], namespaces: ['*'] },
];
const REPOSITORY = { format: 1, id: 'items', team: 'items' } as Repository;
const pipeline: AppliedPipeline = {
  format: 1,
  name: 'items-api',
  team: 'items',
  file: 'gennaker.yaml',
  definition: {},
  appliedAt: 0,
  generation: 1,
};
const managed = { ...pipeline, managed: { repository: 'items', commit: 'a'.repeat(40) } };

const PLANNED = `sha256:${'a'.repeat(64)}`;
const ports = (objects: readonly object[] = []) => ({
  teams: {
    read: async ({ key }: { key: string }) => {
      const value = TEAMS.find(({ name }) => name === key);
      return value === undefined ? undefined : { value, version: '1' };
    },
  },
  repositories: { read: async () => ({ value: REPOSITORY, version: '1' }) },
  blobs: { get: async () => JSON.stringify(objects) },
});
const deploying = (given: object = {}): Plan =>
  planOf({ stages: [stagePlan('release', { target: 'jp', with: JSON.parse(JSON.stringify(given)) })] });
const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys', namespace: 'kube-system' } };
const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name: 'all' } };

describe('what a team may use, once a plan is made', () => {
  it("holds the plan's stages to the team's namespaces, and those of nobody's pipeline to none", async () => {
    expect(await requireBinding(ports(), managed, deploying())).toMatchObject({ namespaces: ['items'] });
    expect(await requireBinding(ports(), pipeline, deploying())).toEqual(deploying());
  });

  it.each([secret, role])('refuses $kind among the rendered manifests and among inline objects', async (object) => {
    const message = /items-api claims what its team may not have: (Secret|ClusterRoleBinding)/;
    await expect(requireBinding(ports([object]), managed, { ...deploying(), manifests: PLANNED })).rejects.toThrow(
      message,
    );
    for (const objects of [[object], [{ when: true, object }]]) {
      await expect(requireBinding(ports(), managed, deploying({ objects }))).rejects.toThrow(message);
    }
    const left = deploying({ objects: [{ when: false, object }] });
    expect(await requireBinding(ports(), managed, left)).toMatchObject({ namespaces: ['items'] });
  });

  it('refuses targets and the namespace of the pipeline, in which its containers run', async () => {
    const elsewhere = planOf({ stages: [stagePlan('migrate', { kind: 'container', target: 'us' })] });
    await expect(requireBinding(ports(), managed, elsewhere)).rejects.toThrow('"us" is not among the targets');
    const outside = planOf({ namespace: 'kube-system', stages: [stagePlan('migrate', { kind: 'container' })] });
    await expect(requireBinding(ports(), managed, outside)).rejects.toThrow('"kube-system" is not among');
  });

  it.each([
    ['pipeline', { pipeline: 'social-api' }, 'next: "social-api" is not among the names of the team "items"'],
    ['find', { execution: { pipeline: 'social-api' } }, 'next: "social-api" is not among the names'],
    ['pipeline', { pipeline: `\${{ stages.a.name }}` }, 'next names a pipeline that is known only when it runs'],
  ])('refuses to run or look at the pipelines of others: %s %o', async (kind, given, message) => {
    const plan = planOf({ stages: [stagePlan('next', { kind, with: given })] });
    await expect(requireBinding(ports(), managed, plan)).rejects.toThrow(message);
    expect(await requireBinding(ports(), pipeline, plan)).toEqual(plan);
  });

  it('lets a stage run and look at what is its own', async () => {
    const stages = [
      stagePlan('look', { kind: 'find', with: { execution: { pipeline: 'items-db' } } }),
      stagePlan('next', { kind: 'pipeline', with: { pipeline: 'items-db' } }),
    ];
    expect(await requireBinding(ports(), managed, planOf({ stages }))).toMatchObject({ namespaces: ['items'] });
  });

  it('is what the team of the repository may use, whatever team an override names', async () => {
    const override = { by: 'Aki', reason: 'the host is down', at: 1 };
    const claimed = { ...managed, team: 'admins', override };
    await expect(requireBinding(ports(), claimed, deploying({ objects: [secret] }))).rejects.toThrow('Secret keys');
  });
});
