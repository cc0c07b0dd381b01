import { afterEach, describe, expect, it } from 'vitest';
import { type ApiWorld, startApiWorld } from '../../test/support/api-world.ts';

let world: ApiWorld | undefined;
afterEach(() => world?.close());

const post = (body: unknown, method = 'POST'): RequestInit => ({
  method,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

describe('the routes of templates', () => {
  it('hand on what they are given, checked', async () => {
    world = await startApiWorld();
    const upload = { file: 'microservice.yaml', text: 'template: microservice', by: 'aki' };
    await world.ask('/api/templates', post({ ...upload, rings: '10%,100%', after: 2 }, 'PUT'));
    await world.ask('/api/templates/impact', post({ file: upload.file, text: upload.text }));
    await world.ask('/api/templates/microservice/rollback', post({ by: 'aki' }));
    await world.ask('/api/templates/microservice/deprecation', post({ version: '2.0.0', message: 'use 2.1.0' }));
    await world.ask('/api/catalog?search=social&limit=5');
    const asked = world.commands.filter(({ name }) => name !== 'show-template');
    expect(asked).toEqual([
      { name: 'publish', command: { ...upload, rings: '10%,100%', after: 2 } },
      { name: 'impact', command: { file: upload.file, text: upload.text } },
      { name: 'roll-back', command: { template: 'microservice', by: 'aki' } },
      { name: 'deprecate', command: { template: 'microservice', version: '2.0.0', message: 'use 2.1.0' } },
      { name: 'catalog', command: { search: 'social', limit: 5 } },
    ]);
  });

  it('answer with the template after a decision about it', async () => {
    world = await startApiWorld();
    const reply = await world.ask('/api/templates/microservice/continue', post({ by: 'aki' }));
    expect(await reply.json()).toMatchObject({ name: 'microservice', owner: 'platform' });
  });

  it('tell what was refused, with its place', async () => {
    const problems = [{ file: 'microservice.yaml', line: 3, column: 10, message: 'version  is lower' }];
    const templates = {
      list: async () => [],
      show: async () => ({ unknown: 'There is no template "micro"; did you mean "microservice"?' }),
      publish: async () => ({ is: 'refused', problems }) as const,
      impact: async () => ({ is: 'refused', problems }) as const,
      rollBack: async () => ({ is: 'refused', message: 'microservice 2.1.0 is rolled back already.' }) as const,
      continueRollout: async () => ({ is: 'unknown', message: 'There is no template "micro".' }) as const,
      deprecate: async () => ({ is: 'unknown', message: 'There is no template "micro".' }) as const,
      advance: async () => undefined,
    };
    world = await startApiWorld({ templates });
    const { ask } = world;
    const upload = { file: 'microservice.yaml', text: 'template: microservice' };
    const told = async (path: string, init?: RequestInit) => {
      const reply = await ask(path, init);
      return { status: reply.status, ...((await reply.json()) as { error: object }).error };
    };
    expect(await told('/api/templates', post(upload, 'PUT'))).toEqual({
      status: 422,
      code: 'invalid-pipeline',
      message: '1 problem. Nothing was published.',
      problems,
    });
    expect(await told('/api/templates/impact', post(upload))).toMatchObject({ status: 422, problems });
    expect(await told('/api/templates/micro')).toMatchObject({ status: 404, code: 'unknown-template' });
    expect(await told('/api/templates/micro/rollback', post({}))).toMatchObject({ status: 409, code: 'not-possible' });
    expect(await told('/api/templates/micro/continue', post({}))).toMatchObject({ status: 404 });
    expect(await told('/api/templates', post({ ...upload, after: 0 }, 'PUT'))).toMatchObject({ status: 400 });
  });

  it('are closed to those without the token', async () => {
    world = await startApiWorld();
    for (const path of ['/api/templates', '/api/catalog', '/api/pipelines/items-api/copy']) {
      expect((await fetch(`${world.url}${path}`)).status, path).toBe(401);
    }
  });
});
