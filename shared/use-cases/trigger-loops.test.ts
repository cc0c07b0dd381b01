import { describe, expect, it } from 'vitest';
import type { AppliedPipeline } from '../ports/pipelines.ts';
import { loopThrough, startersOf } from './trigger-loops.ts';

const startedBy = (...names: readonly string[]) => names.map((pipeline) => ({ pipeline, on: ['succeeded'] }));

const stored = (pipelines: { readonly [name: string]: readonly object[] }) => ({
  async get({ name }: { name: string }): Promise<AppliedPipeline | undefined> {
    const on = pipelines[name];
    if (on === undefined) return undefined;
    const definition = JSON.parse(JSON.stringify({ pipeline: name, on }));
    return { format: 1, name, team: 'items', file: 'a.yaml', definition, appliedAt: 0, generation: 1 };
  },
});

describe('pipelines that start one another', () => {
  it.each([
    ['itself', { a: startedBy('a') }, 'a', ['a', 'a']],
    ['over a stored one', { a: startedBy('c'), c: startedBy('b'), b: startedBy('a') }, 'c', ['a', 'b', 'c', 'a']],
  ])('in a circle: %s', async (_, pipelines, from, way) => {
    const declared = new Map([['a', pipelines.a]]);
    expect(await loopThrough(stored(pipelines), declared, 'a', from)).toEqual(way);
  });

  it('in a row are no loop, nor are two ways to one', async () => {
    const pipelines = { c: startedBy('b', 'd'), b: startedBy('d'), d: startedBy('gone') };
    expect(await loopThrough(stored(pipelines), new Map([['a', startedBy('c')]]), 'a', 'c')).toBeUndefined();
  });

  it('are looked at in the upload first', async () => {
    const before = stored({ b: startedBy('a') });
    expect(await loopThrough(before, new Map([['b', []]]), 'a', 'b')).toBeUndefined();
    expect(await loopThrough(before, new Map(), 'a', 'b')).toEqual(['a', 'b', 'a']);
  });

  it('a chain without end ends the search', async () => {
    const endless = {
      async get({ name }: { name: string }) {
        return stored({ [name]: startedBy(`${name}x`) }).get({ name });
      },
    };
    expect(await loopThrough(endless, new Map(), 'a', 'b')).toBeUndefined();
  });

  it('are told by their place, and nothing else is taken for one', () => {
    expect(startersOf([{ push: 'api' }, ...startedBy('b'), { pipeline: 1 }, null])).toEqual([{ index: 1, name: 'b' }]);
    expect(startersOf(undefined)).toEqual([]);
  });
});
