import { describe, expect, it } from 'vitest';
import type { AppliedPipeline } from '../../ports/pipelines.ts';
import { type ScopePorts, unknownScope } from './known-scopes.ts';

const applied = (name: string, more: Partial<AppliedPipeline> = {}): AppliedPipeline => ({
  format: 1,
  name,
  team: 'items',
  file: 'gennaker.yaml',
  definition: { on: [{ push: 'api' }] },
  appliedAt: 0,
  generation: 1,
  ...more,
});
const PIPELINES = [
  applied('items-api'),
  applied('by-hand', { definition: {} }),
  applied('inherits', { definition: {}, templates: { microservice: '2.0.0' } }),
];
const ports: ScopePorts = {
  pipelines: {
    get: async ({ name }) => PIPELINES.find((one) => one.name === name),
    list: async ({ limit }) => PIPELINES.slice(0, limit),
  },
  teams: {
    read: async ({ key }) =>
      key === 'social'
        ? { value: { format: 1, name: key, pipelines: [], targets: [], namespaces: [] }, version: '1' }
        : undefined,
  },
  targets: [{ name: 'jp' }, { name: 'us' }],
  executions: { readExecution: async () => undefined },
};

describe('a scope', () => {
  it.each([
    'all',
    'target:jp',
    'pipeline:items-api',
    'team:items',
    'team:social',
    'trigger:items-api/0',
    'trigger:inherits/3',
  ])('%s is there', async (scope) => {
    expect(await unknownScope(ports, scope)).toBeUndefined();
  });

  it.each([
    ['target:jpp', 'There is no target jpp; did you mean "jp"?'],
    ['target:moon', 'There is no target moon; there are jp, us.'],
    ['pipeline:items-aip', 'There is no pipeline items-aip; did you mean "items-api"?'],
    ['team:itms', 'No pipeline belongs to a team itms; did you mean "items"?'],
    ['trigger:items-api/1', 'items-api has no trigger 1: its only one is 0.'],
    ['trigger:by-hand/0', 'by-hand has no triggers; nothing but people start it.'],
    ['trigger:nothing/0', 'There is no pipeline nothing; gennaker get pipelines lists them.'],
    ['execution:gone', 'There is no execution gone; gennaker get executions lists them.'],
  ])('%s is not, and is told with what may have been meant', async (scope, text) => {
    expect(await unknownScope(ports, scope)).toBe(text);
  });
});
