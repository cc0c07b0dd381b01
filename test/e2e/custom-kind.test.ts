/** A stage kind of a team's own, on a whole system in a process of its own: named by a path, and as a linked package. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { executionOf } from '../support/face.ts';
import { type LocalSystem, startLocalSystem } from '../support/local-system.ts';
import { plainEnvironment, runGennaker } from '../support/processes.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const EXAMPLE = join(ROOT, 'examples/change-ticket');

/** A ticket system that approves what it has seen. */
type Tickets = { readonly url: string; readonly opened: string[]; readonly server: Server };

async function startTickets(): Promise<Tickets> {
  const opened: string[] = [];
  const server = createServer((request, response) => {
    const text: Buffer[] = [];
    request.on('data', (chunk: Buffer) => text.push(chunk));
    request.on('end', () => {
      if (request.method === 'PUT') opened.push(`${request.url} ${Buffer.concat(text)}`);
      response.end(JSON.stringify({ state: 'approved', by: 'ada' }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, opened, server };
}

const pipelineOf = (url: string) => `
pipeline: items-change
stages:
  ticket:
    uses: change-ticket
    with: { url: "${url}", title: items-api goes to production }
`;

describe('a stage kind of a team', () => {
  let tickets: Tickets;
  let system: LocalSystem;
  beforeAll(async () => {
    tickets = await startTickets();
    const env = {
      GENNAKER_STAGE_KINDS: JSON.stringify(['./examples/change-ticket/index.ts']),
      GENNAKER_ALLOWED_HOSTS: '127.0.0.1',
    };
    system = await startLocalSystem({ env });
  });
  afterAll(async () => {
    tickets?.server.close();
    await system?.stop();
  });

  it('runs in a pipeline like a built-in one', async () => {
    await system.api.apply({ file: 'gennaker.yaml', text: pipelineOf(tickets.url), files: {}, by: 'the test' });
    expect(await system.gennaker(['run', 'items-change', '--wait'])).toMatchObject({ exit: 0 });
    const ended = await executionOf(system, 'items-change');
    expect(ended).toMatchObject({ status: 'succeeded', stages: [{ id: 'ticket', kind: 'change-ticket' }] });
    expect(tickets.opened).toEqual([
      `/changes/${ended.id}-ticket-1 {"title":"items-api goes to production","pipeline":"items-change"}`,
    ]);
  });

  it('may be a package of its own, linked to this one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gennaker-kind-'));
    try {
      const home = join(folder, 'change-ticket');
      cpSync(EXAMPLE, home, { recursive: true });
      const manifest = { name: '@acme/change-ticket', type: 'module', exports: './index.ts' };
      writeFileSync(join(home, 'package.json'), JSON.stringify(manifest));
      mkdirSync(join(home, 'node_modules'));
      symlinkSync(ROOT, join(home, 'node_modules/gennaker'));
      mkdirSync(join(folder, 'node_modules/@acme'), { recursive: true });
      symlinkSync(home, join(folder, 'node_modules/@acme/change-ticket'));
      writeFileSync(join(folder, 'gennaker.yaml'), pipelineOf('https://tickets.example.com'));
      const validate = (modules: string) =>
        runGennaker(['validate', 'gennaker.yaml'], plainEnvironment({ GENNAKER_STAGE_KINDS: modules }), folder);
      expect(await validate('["@acme/change-ticket"]')).toMatchObject({ exit: 0 });
      expect(await validate('[]')).toMatchObject({
        exit: 1,
        stderr: expect.stringContaining('"change-ticket": no such stage kind'),
      });
      expect(await validate('["@acme/change-tickets"]')).toMatchObject({
        exit: 1,
        stderr: expect.stringContaining(
          'GENNAKER_STAGE_KINDS cannot be used: loading the stage kinds of "@acme/change-tickets"',
        ),
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
