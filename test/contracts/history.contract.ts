/** What a History must do: keep each transition of an execution once, in order of revision. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Transition } from '../../shared/core/run.ts';
import type { History } from '../../shared/ports/history.ts';
import { type MakeAdapter, sampleTransition, unique } from './samples.ts';

export function describeHistory(name: string, makeAdapter: MakeAdapter<History>): void {
  describe(`${name}: History`, () => {
    let history: History;
    let close: () => Promise<void>;
    beforeAll(async () => {
      ({ adapter: history, close } = await makeAdapter());
    });
    afterAll(() => close());

    it('is empty for an execution that announced nothing', async () => {
      expect(await history.read({ execution: unique('absent') })).toEqual([]);
    });

    it('accepts a record without transitions', async () => {
      const execution = unique('empty');
      await history.record({ execution, transitions: [] });
      expect(await history.read({ execution })).toEqual([]);
    });

    it('keeps every transition once, in the order of the revisions, however they arrive', async () => {
      const execution = unique('history');
      const of = (...revisions: number[]) => revisions.map(sampleTransition);
      await history.record({ execution, transitions: of(10, 11) });
      await Promise.all([
        history.record({ execution, transitions: of(9) }),
        history.record({ execution, transitions: of(1, 2, 9) }),
      ]);
      await history.record({ execution, transitions: of(2, 10, 100) });
      await history.record({ execution: `${execution}0`, transitions: of(3) });
      expect(await history.read({ execution })).toEqual(of(1, 2, 9, 10, 11, 100));
    });

    it('gives back every field as it was written', async () => {
      const execution = unique('fields');
      const transitions: Transition[] = [
        { revision: 1, at: 1_700_000_000_000, is: 'queued', status: 'queued' },
        sampleTransition(2),
      ];
      await history.record({ execution, transitions });
      expect(await history.read({ execution })).toEqual(transitions);
    });
  });
}
