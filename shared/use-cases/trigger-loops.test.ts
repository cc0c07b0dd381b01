import { describe, expect, it } from 'vitest';
import type { AppliedPipeline } from '../ports/pipelines.ts';
import { type Declaration, loopsIn } from './trigger-loops.ts';

type Declarations = { readonly [name: string]: Declaration };

const startedBy = (...names: readonly string[]): Declaration => ({
  on: names.map((pipeline) => ({ pipeline, on: ['succeeded'] })),
});
const runs = (...names: readonly string[]): Declaration => ({
  stages: Object.fromEntries(names.map((pipeline, index) => [`s${index}`, { uses: 'pipeline', with: { pipeline } }])),
});

const stored = (pipelines: Declarations) => ({
  async get({ name }: { name: string }): Promise<AppliedPipeline | undefined> {
    const declaration = pipelines[name];
    if (declaration === undefined) return undefined;
    const definition = JSON.parse(JSON.stringify({ pipeline: name, ...declaration }));
    return { format: 1, name, team: 'items', file: 'a.yaml', definition, appliedAt: 0, generation: 1 };
  },
});
const loops = async (declared: Declarations, before: Declarations = {}) =>
  (await loopsIn(stored(before), new Map(Object.entries(declared)))).map(
    ({ path, text }) => `${path.join('.')}  ${text.replace(/^.*: /u, '')}`,
  );

describe('pipelines that start one another', () => {
  it.each<[string, Declarations, Declarations, string]>([
    ['itself', { a: startedBy('a') }, {}, 'on.0.pipeline  a → a'],
    [
      'over stored ones',
      { a: startedBy('c') },
      { c: startedBy('b'), b: startedBy('a') },
      'on.0.pipeline  a → b → c → a',
    ],
  ])('in a circle: %s', async (_, declared, before, loop) => {
    expect(await loops(declared, before)).toEqual([loop]);
  });

  it('in a row are no loop, nor are two ways to one', async () => {
    expect(
      await loops({ a: startedBy('c') }, { c: startedBy('b', 'd'), b: startedBy('d'), d: startedBy('gone') }),
    ).toEqual([]);
  });

  it('are looked at in the upload first', async () => {
    expect(await loops({ a: startedBy('b'), b: {} }, { b: startedBy('a') })).toEqual([]);
    expect(await loops({ a: startedBy('b') }, { b: startedBy('a') })).toEqual(['on.0.pipeline  a → b → a']);
  });

  it('a chain without end ends the search', async () => {
    const endless = {
      async get({ name }: { name: string }) {
        return stored({ [name]: startedBy(`${name}x`) }).get({ name });
      },
    };
    expect(await loopsIn(endless, new Map([['a', startedBy('b')]]))).toEqual([]);
  });

  it('are told by their place, and nothing else is taken for one', async () => {
    const on = [{ push: 'api' }, { pipeline: 'a' }, { pipeline: 1 }, null];
    expect(await loops({ a: { on } })).toEqual(['on.1.pipeline  a → a']);
    expect(await loops({ a: { on: undefined } })).toEqual([]);
  });
});

describe('pipelines that run one another', () => {
  it('in a circle are told at each stage that closes it', async () => {
    expect(await loops({ a: runs('a') })).toEqual(['stages.s0.with.pipeline  a → a']);
    expect(await loops({ a: runs('x', 'b'), b: runs('c') }, { c: runs('a') })).toEqual([
      'stages.s1.with.pipeline  a → b → c → a',
      'stages.s0.with.pipeline  b → c → a → b',
    ]);
  });

  it('in a row are no circle, and stages of other kinds run nothing', async () => {
    const find = { stages: { look: { uses: 'find', with: { pipeline: 'a' } } } };
    expect(await loops({ a: runs('b', 'c') }, { b: runs('c'), c: find })).toEqual([]);
  });
});
