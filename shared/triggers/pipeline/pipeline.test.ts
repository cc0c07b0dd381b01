import { describe, expect, it } from 'vitest';
import { sourceEvent } from '../source.ts';
import { MAXIMUM_CHAIN } from './event.ts';
import { pipelineTrigger } from './kind.ts';
import { pipelineTriggerSchema } from './schema.ts';
import { finishedEvent } from './source.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const api = { repository: 'acme.dev/items/items-api', tag: '1.2.3', digest: DIGEST };
const finished = (change: Partial<Parameters<typeof finishedEvent>[0]> = {}) =>
  finishedEvent({
    pipeline: 'items-build',
    execution: 'abc',
    end: 'succeeded',
    images: { api },
    outputs: [['build', { version: '1.2.3' }]],
    chain: [],
    at: 1,
    ...change,
  });

const images = {
  one: { repository: 'acme.dev/items/items-api', semver: '>=1.0.0' },
  two: { repository: 'acme.dev/items/items-web', tag: '*' },
};
const unmet = (given: object, event: ReturnType<typeof finished>, pipeline = 'items-api') =>
  pipelineTrigger
    .conditionsOf(pipelineTriggerSchema.parse(given), event, { pipeline, images, on: [] })
    .filter(({ met }) => !met)
    .map(({ text }) => text);

describe('the end of a pipeline', () => {
  it('is an event that is the same however often it is published', () => {
    expect(sourceEvent.parse(finished())).toEqual(finished());
    expect(finished({ at: 9 }).id).toBe(finished().id);
    expect(finished({ execution: 'abd' }).id).not.toBe(finished().id);
    expect(finished().text).toBe('pipeline items-build succeeded');
  });

  it.each([
    [{ pipeline: 'items-build' }, 'succeeded', []],
    [{ pipeline: 'items-build' }, 'failed', ['on must be succeeded, not failed']],
    [{ pipeline: 'items-build', on: ['failed', 'cancelled'] }, 'cancelled', []],
    [{ pipeline: 'other' }, 'succeeded', ['pipeline must be other, not items-build']],
  ] as const)('is taken by %o where it %s', (given, end, expected) => {
    expect(unmet(given, finished({ end }))).toEqual(expected);
  });

  it('does not start a pipeline that led to it, and says by which way', () => {
    const event = finished({ chain: ['items-api', 'items-web'] });
    expect(unmet({ pipeline: 'items-build' }, event)).toEqual([
      'items-api would start itself: items-api → items-web → items-build → items-api; the loop ends here',
    ]);
    expect(unmet({ pipeline: 'items-build' }, event, 'items-other')).toEqual([]);
  });

  it('starts nothing more at the end of a long row', () => {
    const chain = Array.from({ length: MAXIMUM_CHAIN }, (_, index) => `p${index}`);
    expect(unmet({ pipeline: 'items-build' }, finished({ chain }))).toEqual([
      expect.stringMatching(/^20 pipelines have started one another in a row, as many as may/u),
    ]);
  });

  it('brings the images of the same repositories that the filters let through, and its outputs', () => {
    const surroundings = { pipeline: 'items-api', images, on: [] };
    const trigger = pipelineTriggerSchema.parse({ pipeline: 'items-build' });
    expect(pipelineTrigger.imagesOf?.(trigger, finished(), surroundings)).toEqual({ one: api });
    const old = finished({ images: { api: { ...api, tag: '0.9.0' } } });
    expect(pipelineTrigger.imagesOf?.(trigger, old, surroundings)).toEqual({});
    expect(pipelineTrigger.dataOf(trigger, finished(), surroundings)).toEqual({
      finished: { pipeline: 'items-build', execution: 'abc', end: 'succeeded' },
      outputs: { build: { version: '1.2.3' } },
    });
  });

  it('leaves behind the outputs that are too many', () => {
    const big = 'x'.repeat(100 * 1024);
    const event = finished({
      outputs: [
        ['a', big],
        ['b', big],
      ],
    });
    expect(Object.keys(event.finished.outputs)).toEqual(['a']);
  });
});
