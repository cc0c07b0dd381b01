import { describe, expect, it } from 'vitest';
import type { HttpClient } from '../kind.ts';
import { prove } from '../proofs.ts';
import { webhook } from './index.ts';
import { webhookParameters } from './schema.ts';

const URL_TEXT = 'https://jobs.example.com/jobs';
const PARAMETERS = {
  url: URL_TEXT,
  headers: { authorization: { secret: 'jobs-token' } },
  poll: { 'url-from': 'headers.location', every: '10s', within: '5m', 'done-if': 'body.state != "running"' },
  'success-if': 'body.state == "passed"',
  progress: 'body.done',
  result: 'body.report.url',
  cancel: { 'url-from': 'headers.location + "/stop"', method: 'PUT' },
};

/** A far end that makes one job for each key, and ends it after two looks. */
function jobs(end: string, location = '/jobs/7') {
  const made = new Set<string>();
  const stopped = new Set<string>();
  const asked: string[] = [];
  let looks = 0;
  const http: HttpClient = {
    async request({ method, url, headers }) {
      asked.push(`${method} ${url} ${headers?.authorization}`);
      const answer = (status: number, body: object, more: { [name: string]: string } = {}) => ({
        status,
        headers: new Headers(more),
        body: JSON.stringify(body),
      });
      if (method === 'POST') {
        made.add(headers?.['idempotency-key'] ?? '');
        return answer(202, {}, { location });
      }
      if (method === 'PUT') {
        stopped.add(url);
        return answer(200, {});
      }
      if (looks < 2) return answer(200, { state: 'running', done: `${looks} of 2` });
      return answer(200, { state: end, report: { url: 'https://reports.example.com/7' } });
    },
  };
  return {
    http,
    asked,
    secrets: { 'jobs-token': 'Bearer s3cret-token' },
    effects: () => ({ made: [...made], stopped: [...stopped] }),
    passTime: () => {
      looks += 1;
    },
  };
}

prove({ name: 'that is polled', kind: webhook, parameters: PARAMETERS, world: () => jobs('passed') });
prove({ name: 'whose job fails', kind: webhook, parameters: PARAMETERS, world: () => jobs('failed'), ends: 'failed' });
prove({
  name: 'whose answer leads elsewhere',
  kind: webhook,
  parameters: PARAMETERS,
  world: () => jobs('passed', 'https://evil.example/jobs/7'),
  ends: 'failed',
});

describe('a request that is polled', () => {
  it('gives result and progress, and sends its secrets to its own host only', async () => {
    const world = jobs('passed');
    const context = {
      execution: 'e1',
      stage: 'test',
      attempt: 1,
      key: 'k',
      mayWrite: () => true,
      clock: { now: () => 0, after: () => () => undefined },
      signal: new AbortController().signal,
      secrets: { get: async () => 'Bearer s3cret-token' },
      http: world.http,
    } as never;
    const parameters = webhookParameters.parse(PARAMETERS);
    const first = await webhook.step(parameters, { cursor: undefined, input: { by: 'begin' } }, context);
    const cursor = 'cursor' in first ? first.cursor : undefined;
    expect(cursor).toMatchObject({ is: 'polling', url: `${URL_TEXT}/7`, cancelUrl: `${URL_TEXT}/7/stop` });
    expect(await webhook.step(parameters, { cursor, input: { by: 'time' } }, context)).toMatchObject({
      is: 'waiting',
      for: { until: 10_000 },
      reason: { code: 'remote-in-progress', text: `GET ${URL_TEXT}/7 is not done yet: 0 of 2` },
    });
    world.passTime();
    world.passTime();
    expect(await webhook.step(parameters, { cursor, input: { by: 'time' } }, context)).toMatchObject({
      is: 'succeeded',
      outputs: { status: 200, result: 'https://reports.example.com/7' },
    });
    expect(world.asked.every((line) => line.includes(' https://jobs.example.com/'))).toBe(true);
  });

  it('of which nobody heard whether it acted is taken back where that needs no answer of it', async () => {
    const stopped = async (cancel: object, more: object) => {
      const world = jobs('passed');
      const context = {
        execution: 'e1',
        stage: 'test',
        attempt: 1,
        key: 'k',
        mayWrite: () => true,
        clock: { now: () => 0, after: () => () => undefined },
        signal: new AbortController().signal,
        secrets: { get: async () => 'Bearer s3cret-token' },
        http: world.http,
        ...more,
      } as never;
      const parameters = webhookParameters.parse({ ...PARAMETERS, cancel });
      const outcome = await webhook.stop(parameters, { cursor: undefined, input: { by: 'stop' } }, context);
      expect(outcome).toEqual({ is: 'succeeded', outputs: null });
      return world.effects().stopped;
    };
    const fixed = { url: `${URL_TEXT}/current`, method: 'PUT' };
    expect(await stopped(fixed, { mayHaveActed: true })).toEqual([`${URL_TEXT}/current`]);
    expect(await stopped(fixed, {})).toEqual([]);
    expect(await stopped(PARAMETERS.cancel, { mayHaveActed: true })).toEqual([]);
  });

  it.each([
    [{ poll: { 'done-if': 'body.state ==' } }, 'is wrong at character'],
    [{ poll: { 'done-if': 'status + 1' } }, 'must give true or false, not'],
    [{ poll: { 'done-if': 'inputs.x == 1' } }, 'is wrong at character'],
    [{ poll: { 'done-if': 'true', url: URL_TEXT, 'url-from': 'body.url' } }, 'stands beside url'],
    [{ poll: { 'done-if': 'true' }, 'wait-for-callback': true }, 'stands beside wait-for-callback'],
    [{ method: 'HEAD', body: 'x' }, 'has no meaning for HEAD'],
  ])('does not take %j', (given, message) => {
    const { error } = webhookParameters.safeParse({ url: URL_TEXT, ...given });
    expect(error?.issues[0]?.message).toContain(message);
  });
});
