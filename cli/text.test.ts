import { describe, expect, it } from 'vitest';
import { ago, columnsTaken, cutTo, padTo, roughDuration, shortIds, wrap } from './text.ts';

describe('text at a fixed width', () => {
  it('counts wide characters twice', () => {
    expect(columnsTaken('✔ deploy')).toBe(8);
    expect(columnsTaken('東京 jp')).toBe(7);
  });

  it('cuts and fills to the column', () => {
    expect(cutTo('items-api', 9)).toBe('items-api');
    expect(cutTo('items-api', 6)).toBe('items…');
    expect(cutTo('東京都', 4)).toBe('東…');
    expect(padTo('東京', 6)).toBe('東京  ');
  });

  it('wraps between words, and breaks only words that are too long', () => {
    expect(wrap('the image cannot be pulled', 12)).toEqual(['the image', 'cannot be', 'pulled']);
    expect(wrap('see asia-northeast1/items', 10)).toEqual(['see', 'asia-north', 'east1/item', 's']);
    expect(wrap('', 10)).toEqual([]);
  });
});

describe('short ids', () => {
  it('have seven characters where those tell the ids apart', () => {
    expect(['abcdefghij', 'xyzdefghij'].map(shortIds(['abcdefghij', 'xyzdefghij']))).toEqual(['abcdefg', 'xyzdefg']);
  });

  it('have as many as it takes', () => {
    const ids = ['docker-1a2', 'docker-1b2', 'docker-1b2'];
    expect(ids.map(shortIds(ids))).toEqual(['docker-1a', 'docker-1b', 'docker-1b']);
  });
});

describe('times', () => {
  it.each([
    [0, '0 s'],
    [59_999, '59 s'],
    [250_000, '4 min'],
    [7_500_000, '2 h'],
  ])('says %i ms as %s', (ms, words) => {
    expect(roughDuration(ms)).toBe(words);
  });

  it('says how long ago something was', () => {
    expect(ago(1_000, 1_500)).toBe('just now');
    expect(ago(1_000, 121_000)).toBe('2 min ago');
    expect(ago(5_000, 1_000)).toBe('just now');
  });
});
