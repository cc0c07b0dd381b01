/** Pipelines that cause, in the world outside, the event that starts them again. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { statusOf } from '../../shared/core/execution.ts';
import { startMemorySystem } from '../../test/support/memory-system.ts';
import type { System } from './system.ts';

const SECRET = 'the-secret-of-the-echo-in-this-test';
const PATIENCE = { timeout: 30_000, interval: 20 };
const STARTS = 3;

/** Its only stage calls the hook that starts it, each time with a delivery of another id. */
const pipeline = (url: string): string => `
pipeline: echo
on:
  - webhook: { path: echo, secret: echo, token: { header: x-token }, delivery: data.from }
concurrency: { when-busy: queue, starts: { limit: ${STARTS}, within: 1h } }
stages:
  call:
    uses: webhook
    with:
      url: ${url}/hooks/webhook/echo
      headers: { x-token: { secret: echo } }
      body: { from: "\${{ execution.id }}" }
`;

let system: System;

beforeAll(async () => {
  ({ system } = await startMemorySystem({
    environment: {
      GENNAKER_ALLOWED_HOSTS: '127.0.0.1',
      GENNAKER_SECRET_HOOK_ECHO: SECRET,
      GENNAKER_STAGE_SECRET_ECHO: SECRET,
    },
  }));
  const applied = await system.apply({ file: 'gennaker.yaml', text: pipeline(system.url), files: {} });
  expect(applied).toMatchObject({ is: 'applied' });
});

afterAll(() => system?.stop());

const call = (from: string) =>
  fetch(`${system.url}/hooks/webhook/echo`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-token': SECRET },
    body: JSON.stringify({ from }),
  });

it('are stopped, and the inbox says by what, with the values', async () => {
  expect((await call('outside')).status).toBe(202);
  const refused = async () => {
    const entries = await system.ports.inbox.list({ limit: 50 });
    return entries.find(({ verdicts }) => verdicts.some(({ is }) => is === 'filtered'));
  };
  await expect.poll(refused, PATIENCE).toBeDefined();
  const entry = await refused();
  expect(entry?.verdicts).toEqual([
    {
      is: 'filtered',
      pipeline: 'echo',
      trigger: 0,
      text: expect.stringMatching(
        /^events have started echo 3 times since \S+Z, and concurrency\.starts allows 3 within 1h: it may cause the events that start it\. .*\(gennaker run echo\)$/u,
      ),
      compared: [
        {
          condition: 'concurrency.starts',
          wanted: 'at most 3 within 1h',
          got: expect.stringMatching(/^3 since 20\S+Z$/u),
          met: false,
        },
      ],
    },
  ]);
  const ended = async () => {
    const executions = await system.ports.executions.list({ limit: 50 });
    return executions.map(statusOf);
  };
  await expect.poll(ended, PATIENCE).toEqual(Array.from({ length: STARTS }, () => 'succeeded'));
});

it('are told of by an explanation before anything has arrived', async () => {
  const entry = (await system.ports.inbox.list({ limit: 1 }))[0];
  const response = await fetch(`${system.url}/api/events/explain`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer the-api-token-of-this-test' },
    body: JSON.stringify({ id: entry?.id }),
  });
  expect(await response.json()).toMatchObject({
    triggers: [
      {
        pipeline: 'echo',
        takes: false,
        conditions: [{ condition: 'concurrency.starts', wanted: 'at most 3 within 1h', met: false }],
      },
    ],
  });
});
