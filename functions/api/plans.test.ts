import { afterEach, describe, expect, it } from 'vitest';
import { CannotPlan } from '../../shared/use-cases/make-plan.ts';
import { type ApiWorld, startApiWorld } from '../../test/support/api-world.ts';

let world: ApiWorld;
afterEach(() => world.close());

const digest = `sha256:${'a'.repeat(64)}`;
const upload = { file: 'gennaker.yaml', text: 'pipeline: a', files: {}, by: 'aki' };
const basis = {
  pipeline: 'a',
  definition: digest,
  files: null,
  generation: 1,
  templates: {},
  images: {},
  inputs: {},
  manifests: null,
  plan: digest,
};
const request = { images: {}, inputs: {}, by: 'aki', at: 1 };

const post = (path: string, body: unknown) =>
  world.ask(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
const errorOf = async (response: Response) => (await response.json()) as { error: { code: string; message: string } };

describe('planning', () => {
  it('reads images as people name them, and compares with what lives', async () => {
    world = await startApiWorld();
    const images = { api: '1.3.0', web: `ghcr.io/acme/web:2@${digest}` };
    expect((await post('/api/plans', { ...upload, images, inputs: { size: 3 } })).status).toBe(200);
    expect(world.commands.at(-1)).toMatchObject({
      name: 'plan',
      command: {
        file: 'gennaker.yaml',
        live: 'compare',
        request: { images: { api: { tag: '1.3.0' }, web: { tag: '2', digest } }, inputs: { size: 3 }, by: 'aki' },
      },
    });
  });

  it('is for holders of the token, and takes nothing unknown', async () => {
    world = await startApiWorld();
    expect((await fetch(`${world.url}/api/plans`, { method: 'POST' })).status).toBe(401);
    expect((await post('/api/plans', { ...upload, override: { reason: 'x' } })).status).toBe(400);
    expect((await post('/api/plans', { ...upload, images: { api: '' } })).status).toBe(400);
    expect(world.commands).toEqual([]);
  });

  it('tells what is wrong with the file, and with the request', async () => {
    const problem = { file: 'gennaker.yaml', line: 1, column: 1, message: 'it is no pipeline' };
    world = await startApiWorld({ planPipelines: async () => ({ is: 'refused', problems: [problem] }) });
    const refused = await post('/api/plans', upload);
    expect(refused.status).toBe(422);
    expect(await refused.json()).toMatchObject({ error: { message: '1 problem. Nothing was planned.' } });
    await world.close();
    world = await startApiWorld({ planPipelines: () => Promise.reject(new CannotPlan('No such event.')) });
    const senseless = await post('/api/plans', upload);
    expect(senseless.status).toBe(422);
    expect(await errorOf(senseless)).toMatchObject({ error: { code: 'cannot-plan', message: 'No such event.' } });
  });
});

describe('applying a plan', () => {
  it('hands on what was planned', async () => {
    world = await startApiWorld();
    const override = { reason: 'the repository is down' };
    const body = { ...upload, override, request, bases: [basis] };
    expect((await post('/api/plans/apply', body)).status).toBe(200);
    expect(world.commands.at(-1)).toMatchObject({ name: 'apply-plan', command: { override, request, bases: [basis] } });
    expect((await post('/api/plans/apply', { ...body, bases: [] })).status).toBe(400);
    expect((await post('/api/plans/apply', { ...body, bases: [{ ...basis, more: 1 }] })).status).toBe(400);
  });

  it('is refused with what has changed', async () => {
    const changes = ['a was changed since.', 'The image api was 1, and is 2.'];
    world = await startApiWorld({ applyPlan: async () => ({ is: 'outdated', changes }) });
    const response = await post('/api/plans/apply', { ...upload, request, bases: [basis] });
    expect(response.status).toBe(409);
    expect(await errorOf(response)).toMatchObject({
      error: {
        code: 'plan-outdated',
        message: `The plan no longer holds, and nothing was applied. ${changes.join(' ')} Plan again.`,
      },
    });
  });
});
