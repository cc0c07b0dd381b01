import { expect, it } from 'vitest';
import { openBench } from '../../test/support/engine-bench.ts';
import { definitionSchema } from '../pipeline/schema.ts';
import { NO_TEMPLATES } from '../pipeline/template.ts';
import type { SourceEvent } from '../triggers/source.ts';
import { startExecutions } from './start-executions.ts';

const repository = 'registry.example.com/acme/items-api';
const pushed: SourceEvent = {
  id: 'docker-hub-1',
  type: 'image-pushed',
  source: 'docker-hub',
  at: 1,
  text: 'image items-api:1.2.3 pushed',
  image: { repository, tag: '1.2.3', digest: `sha256:${'a'.repeat(64)}` },
};

it("a trigger that became another image's, after it was found, starts nothing", async () => {
  await using bench = openBench();
  const definition = definitionSchema.parse({
    pipeline: 'items-api',
    images: { sidecar: { repository: 'registry.example.com/acme/sidecar', tag: '*' } },
    on: [{ push: 'sidecar' }],
    stages: { soak: { uses: 'wait', with: { for: '1m' } } },
  });
  const pipeline = {
    format: 1,
    name: 'items-api',
    team: 'items',
    file: 'gennaker.yaml',
    definition: JSON.parse(JSON.stringify(definition)),
    appliedAt: 0,
    generation: 2,
  } as const;
  const verdicts = await startExecutions(
    {
      ...bench.engine,
      inbox: { record: async () => undefined, read: async () => undefined, replace: async () => 'recorded' },
      pipelines: {
        get: async () => pipeline,
        list: async () => [pipeline],
        change: async () => 'changed',
        triggers: async ({ key }) => [{ key, pipeline: 'items-api', index: 0 }],
      },
      teams: { read: async () => undefined },
      pushes: { read: async () => undefined, write: async () => '1' },
      repositories: { read: async () => undefined },
      resolver: { resolve: () => Promise.reject(new Error('no registry is asked')) },
      targets: [],
      lockedTemplates: async () => NO_TEMPLATES,
    },
    pushed,
  );
  expect(verdicts).toEqual([
    {
      is: 'filtered',
      pipeline: 'items-api',
      trigger: 0,
      text: 'The pipeline has changed: this trigger is not in it any more.',
      compared: [
        {
          condition: 'trigger',
          wanted: 'image:registry.example.com/acme/sidecar',
          got: 'image:registry.example.com/acme/items-api',
          met: false,
        },
      ],
    },
  ]);
});
