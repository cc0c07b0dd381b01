import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { HttpClient, StageContext, StageKind } from './kind.ts';
import { failAtEachEffect, type Proof, proofsOf, runTwice, stopTwice } from './testing.ts';

type Cursor = { done: number };
type Kind = StageKind<object, Cursor, null>;

/** A far end that acts on everything that it is sent, but once for each key. */
function world() {
  const seen = new Map<string, string>();
  let unkeyed = 0;
  const http: HttpClient = {
    async request({ url, headers }) {
      unkeyed += 1;
      seen.set(headers?.['idempotency-key'] ?? `none ${unkeyed}`, url);
      return { status: 200, headers: new Headers(), body: '' };
    },
  };
  return { http, effects: () => [...seen.values()] };
}

const send = (context: StageContext, url: string, key?: string) =>
  context.http.request({
    method: 'POST',
    url,
    ...(key === undefined ? {} : { headers: { 'idempotency-key': key } }),
    signal: context.signal,
  });

/** Two steps, each with one effect, as they should be. */
const careful: Kind = {
  kind: 'careful',
  description: 'For the proofs.',
  target: 'none',
  with: z.strictObject({}),
  cursor: z.strictObject({ done: z.int() }),
  outputs: z.null(),
  async step(_parameters, { cursor }, context) {
    const done = (cursor?.done ?? 0) + 1;
    await send(context, `step ${done}`, context.key);
    return done < 2 ? { is: 'again', cursor: { done } } : { is: 'succeeded', outputs: null };
  },
  async stop(_parameters, _at, context) {
    await send(context, 'stop', 'stop');
    return { is: 'succeeded', outputs: null };
  },
};

const proofOf = (changes: Partial<Kind>): Proof<object, Cursor, null> => ({
  name: 'test',
  kind: { ...careful, ...changes },
  parameters: {},
  world,
});

describe('the proofs', () => {
  it('pass a kind that is careful', async () => {
    await runTwice(proofOf({}));
    await failAtEachEffect(proofOf({}));
    await stopTwice(proofOf({}));
  });

  it('are three, with names for a test runner', async () => {
    const proofs = proofsOf(proofOf({}));
    expect(proofs.map(({ name }) => name)).toEqual([
      expect.stringMatching(/^careful: test does the same when every step is run twice$/),
      expect.stringContaining('a worker dies'),
      expect.stringContaining('stopping twice'),
    ]);
    for (const { run } of proofs) await run();
  });

  it('check the outputs by the schema of these parameters', async () => {
    const rows = z.strictObject({ rows: z.int() });
    const { outputsOf: _, delivers: __, ...rest } = careful;
    const counting: StageKind<object, Cursor, { rows: number }> = {
      ...rest,
      outputs: rows,
      step: async () => ({ is: 'succeeded', outputs: { rows: 3 } }),
    };
    const proof = { name: 'test', parameters: {}, world };
    await runTwice({ ...proof, kind: counting });
    const strange = { ...counting, outputsOf: () => rows.refine(() => false, 'is not declared') };
    await expect(runTwice({ ...proof, kind: strange })).rejects.toThrow('is not declared');
  });

  it('catch a kind that forgets the key', async () => {
    const careless = proofOf({
      async step(_parameters, _at, context) {
        await send(context, 'step');
        return { is: 'succeeded', outputs: null };
      },
    });
    await expect(runTwice(careless)).rejects.toThrow();
    await expect(failAtEachEffect(careless)).rejects.toThrow('died after call 1');
  });

  it('take nothing from a dead worker, even one that goes on', async () => {
    const undead = proofOf({
      async step(_parameters, _at, context) {
        const answer = await send(context, 'step', context.key).catch(() => undefined);
        if (answer !== undefined) return { is: 'succeeded', outputs: null };
        await send(context, 'from beyond', 'from beyond');
        return { is: 'failed', reason: { code: 'remote-refused', text: 'gave up' }, then: 'giveUp' };
      },
    });
    await failAtEachEffect(undead);
  });

  it('catch a kind whose second stop acts again, or that cannot stop', async () => {
    const stop: Kind['stop'] = async (_parameters, _at, context) => {
      await send(context, 'stop');
      return { is: 'succeeded', outputs: null };
    };
    await expect(stopTwice(proofOf({ stop }))).rejects.toThrow('stopped after step 0');
    const stuck: Kind['stop'] = async () => ({
      is: 'failed',
      reason: { code: 'stage-failed', text: 'stuck' },
      then: 'giveUp',
    });
    await expect(stopTwice(proofOf({ stop: stuck }))).rejects.toThrow('stuck');
  });

  it('catch a kind that keeps what its cursor schema does not know', async () => {
    const loose = proofOf({ cursor: z.strictObject({ done: z.int().max(0) }) });
    await expect(runTwice(loose)).rejects.toThrow();
  });
});
