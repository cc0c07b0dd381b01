/** Templates on the whole embedded system: a dozen lines become a healthy service in three targets, and a bad version stops in its first ring. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Clusters } from '../../cli/system/clusters.ts';
import type { System } from '../../cli/system/system.ts';
import { hasEnded } from '../../shared/use-cases/describe-execution.ts';
import { type Face, faceOf } from '../support/face.ts';
import { startMemorySystem, TOKEN } from '../support/memory-system.ts';
import { until } from '../support/until.ts';

const ROOT = join(import.meta.dirname, '../..');
const LIBRARY = 'templates/microservice/2.1.0.yaml';
const TARGETS = ['jp', 'us', 'uk'];
const MAXIMUM_LINES = 12;
const PATIENCE_MS = 90_000;

const read = (path: string): Promise<string> => readFile(join(ROOT, path), 'utf8');

describe('templates on the embedded system', () => {
  let clusters: Clusters;
  let system: System;
  let face: Face;

  beforeAll(async () => {
    ({ system, clusters } = await startMemorySystem({
      resolver: { resolve: async () => ({ digest: `sha256:${'a'.repeat(64)}` }) },
    }));
    face = faceOf({ url: system.url, token: TOKEN });
    const published = await face.api.templates.publish({ file: LIBRARY, text: await read(LIBRARY), by: 'aki' });
    expect(published).toMatchObject({ is: 'published', template: 'microservice', version: '2.1.0' });
  });
  afterAll(() => system?.stop());

  /** Starts the pipeline with the tag of its image, and waits for the end. */
  const run = async (pipeline: string, tag: string) => {
    const request = { requestId: randomUUID(), inputs: {}, images: { api: tag }, by: 'aki' };
    const { event } = await face.api.start(pipeline, request);
    const started = await until(`the start of ${pipeline}`, async () => {
      const verdict = (await face.api.event(event))?.verdicts[0];
      if (verdict?.is === 'failed') throw new Error(verdict.text);
      return verdict !== undefined && 'execution' in verdict ? verdict.execution : undefined;
    });
    return until(`the end of ${pipeline}`, async () => {
      const execution = await face.api.execution(started);
      return hasEnded(execution.status) ? execution : undefined;
    });
  };

  it(
    `gets a service healthy in three targets with a file of at most ${MAXIMUM_LINES} lines`,
    async () => {
      const file = 'examples/profile-api/gennaker.yaml';
      const text = await read(file);
      expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(MAXIMUM_LINES);
      await face.api.apply({ file, text, files: {}, by: 'aki' });

      const { status, stages } = await run('profile-api', '1.0.0');
      expect(status).toBe('succeeded');
      expect(stages.map(({ id, status: end }) => `${id} ${end}`)).toEqual(
        TARGETS.map((target) => `release.deploy-${target} succeeded`),
      );
      for (const target of TARGETS) {
        const cluster = await clusters.clusterOf(target);
        const get = (apiVersion: string, kind: string) =>
          cluster.get({ ref: { apiVersion, kind, namespace: 'social', name: 'profile-api' } });
        const deployment = await get('apps/v1', 'Deployment');
        expect(deployment).toMatchObject({ status: { availableReplicas: expect.any(Number) } });
        for (const [apiVersion, kind] of [
          ['v1', 'Service'],
          ['autoscaling/v2', 'HorizontalPodAutoscaler'],
          ['policy/v1', 'PodDisruptionBudget'],
        ] as const) {
          expect(await get(apiVersion, kind), `${kind} in ${target}`).toBeDefined();
        }
      }
    },
    PATIENCE_MS,
  );

  it(
    'stops a version that fails in its first ring, and goes back',
    async () => {
      for (const name of ['first-api', 'second-api', 'third-api']) {
        const text = (await read('examples/profile-api/gennaker.yaml'))
          .replaceAll('profile-api', name)
          .replace('targets: [jp, us, uk]', 'target: jp');
        await face.api.apply({ file: `${name}.yaml`, text, files: {}, by: 'aki' });
      }
      const lockOf = async (name: string) => (await system.ports.pipelines.get({ name }))?.templates?.microservice;
      const text = (await read(LIBRARY)).replace('version: 2.1.0', 'version: 2.2.0');
      await face.api.templates.publish({ file: LIBRARY, text, by: 'aki', rings: 'first-api,100%', after: 2 });
      expect(await lockOf('first-api')).toBe('2.2.0');
      expect(await lockOf('second-api')).toBe('2.1.0');

      expect((await run('first-api', '1.0.1')).status).toBe('succeeded');
      const failed = await run('first-api', 'broken');
      expect(failed.status).toBe('failed');
      await system.templates.advance();
      const stopped = await face.api.templates.show('microservice');
      expect(stopped.rollout).toMatchObject({
        state: 'stopped',
        text: `Ring 1 of 2 (first-api) stopped at first-api: Its execution ${failed.id} failed.`,
      });
      await system.templates.advance();
      expect(await lockOf('second-api')).toBe('2.1.0');

      const back = await face.api.templates.rollBack('microservice', { by: 'aki' });
      expect(back.rollout).toMatchObject({ state: 'rolledBack' });
      expect(await Promise.all(['first-api', 'second-api', 'third-api'].map(lockOf))).toEqual([
        '2.1.0',
        '2.1.0',
        '2.1.0',
      ]);
      expect((await run('first-api', '1.0.2')).status).toBe('succeeded');
    },
    PATIENCE_MS,
  );
});
