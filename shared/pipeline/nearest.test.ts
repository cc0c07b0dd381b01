import { describe, expect, it } from 'vitest';
import { didYouMean, editDistance, nearest } from './nearest.ts';

describe('nearest', () => {
  it.each([
    ['stpes', ['step', 'steps', 'with'], 'steps'],
    ['imagess', ['image', 'images'], 'images'],
    ['Deploy', ['deploy', 'wait'], 'deploy'],
    ['xyz', ['deploy', 'wait'], undefined],
    ['a'.repeat(200), ['a'.repeat(201)], undefined],
  ])('%s', (name, known, expected) => {
    expect(nearest(name, known)).toBe(expected);
  });

  it('counts edits, a swap of neighbours as one', () => {
    expect(editDistance('', 'abc')).toBe(3);
    expect(editDistance('kitten', 'sitting')).toBe(3);
    expect(editDistance('wiat', 'wait')).toBe(1);
  });

  it('says nothing where nothing is near', () => {
    expect(didYouMean('wiat', ['wait'])).toBe('; did you mean "wait"?');
    expect(didYouMean('wiat', [])).toBe('');
  });
});
