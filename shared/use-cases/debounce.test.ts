import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PushGroup } from '../ports/pushes.ts';
import { DEBOUNCE_WINDOW_MS, join, type Push } from './debounce.ts';

const push = (event: string, tag: string, digest: string, more: Partial<Push> = {}): Push => ({
  event,
  tag,
  digest,
  at: 0,
  isRepeatable: false,
  ...more,
});

/** The leaders of pushes that come one after the other. */
function leaders(...pushes: readonly Push[]): string[] {
  let groups: readonly PushGroup[] = [];
  return pushes.map((one) => {
    const joined = join(groups, one);
    groups = joined.groups;
    return joined.leader;
  });
}

describe('pushes of one image', () => {
  it('of several tags of a digest are one', () => {
    const all = leaders(push('1', '1.2.3', 'A'), push('2', '1.2', 'A'), push('3', 'latest', 'A'));
    expect(all).toEqual(['1', '1', '1']);
  });

  it('that move a tag from A to B and back to A are three', () => {
    expect(leaders(push('1', 'latest', 'A'), push('2', 'latest', 'B'), push('3', 'latest', 'A'))).toEqual([
      '1',
      '2',
      '3',
    ]);
  });

  it('that move a tag away and back are two at least where the one between is late or lost', () => {
    expect(leaders(push('1', 'latest', 'A'), push('3', 'latest', 'A'), push('2', 'latest', 'B'))).toEqual([
      '1',
      '3',
      '2',
    ]);
  });

  it('of another tag that brings an older digest back are none of the older push', () => {
    expect(leaders(push('1', 'a', 'A'), push('2', 'a', 'B'), push('3', 'b', 'A'))).toEqual(['1', '2', '3']);
  });

  it('of which one comes late are two', () => {
    const late = push('2', '1.2', 'A', { at: DEBOUNCE_WINDOW_MS + 1 });
    expect(leaders(push('1', '1.2.3', 'A'), late)).toEqual(['1', '2']);
  });

  it('whose sender gives no ids are told apart by the digest alone', () => {
    const isRepeatable = true;
    const all = ['A', 'A', 'B', 'A'].map((digest, index) => push(`${index}`, 'latest', digest, { isRepeatable }));
    expect(leaders(...all)).toEqual(['0', '0', '2', '3']);
  });

  it('whose sender gives no ids are repetitions however late, until another digest was pushed', () => {
    const late = (event: string, tag: string, digest: string, hours: number) =>
      push(event, tag, digest, { isRepeatable: true, at: hours * 3_600_000 });
    const first = [late('1', '1.2.3', 'A', 0), late('2', 'latest', 'A', 0), late('3', 'prod', 'A', 1)];
    const again = [late('4', '1.2.3', 'A', 2), late('5', 'prod', 'A', 50), late('6', 'latest', 'A', 90)];
    expect(leaders(...first, ...again)).toEqual(['1', '1', '3', '1', '3', '1']);
    expect(leaders(...first, late('4', 'latest', 'B', 2), late('5', 'latest', 'A', 3))).toEqual([
      '1',
      '1',
      '3',
      '4',
      '5',
    ]);
    const many = Array.from({ length: 200 }, (_, index) => late(`${index}`, 'latest', 'A', index));
    expect(new Set(leaders(...many))).toEqual(new Set(['0']));
    const groups = many.reduce<readonly PushGroup[]>((before, one) => join(before, one).groups, []);
    expect(groups.map(({ events }) => [events.length, events[0], events.at(-1)])).toEqual([[50, '0', '199']]);
  });

  it('are never taken for a push of another digest, and what runs last is what was pushed last', () => {
    const one = fc.record({ tag: fc.constantFrom('a', 'b', 'c'), digest: fc.constantFrom('A', 'B') });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 12 }), (moves) => {
        const pushes = moves.map(({ tag, digest }, index) => push(`${index}`, tag, digest));
        const digestOf = new Map(pushes.map(({ event, digest }) => [event, digest]));
        const started = leaders(...pushes);
        started.forEach((leader, index) => {
          expect(digestOf.get(leader)).toBe(pushes[index]?.digest);
          // After each push the newest execution is of the digest that was pushed.
          const newest = started.slice(0, index + 1).reduce((max, id) => Math.max(max, Number(id)), -1);
          expect(digestOf.get(String(newest))).toBe(pushes[index]?.digest);
        });
      }),
    );
  });
});
