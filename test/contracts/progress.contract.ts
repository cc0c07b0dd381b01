/** What a ProgressBoard must do: show the latest of each stage of one execution. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Progress, ProgressBoard } from '../../shared/ports/progress.ts';
import { type MakeAdapter, unique } from './samples.ts';

function progress(stage: string, step: number, lines: readonly string[]): Progress {
  return { stage, attempt: 1, step, at: 1_700_000_000_000 + step, lines };
}

export function describeProgressBoard(name: string, makeAdapter: MakeAdapter<ProgressBoard>): void {
  describe(`${name}: ProgressBoard`, () => {
    let board: ProgressBoard;
    let close: () => Promise<void>;
    beforeAll(async () => {
      ({ adapter: board, close } = await makeAdapter());
    });
    afterAll(() => close());

    it('shows nothing for an execution that reported nothing', async () => {
      expect(await board.read({ execution: unique('absent') })).toEqual([]);
    });

    it('shows the latest of each stage, and of no other execution', async () => {
      const execution = unique('progress');
      const japan = progress('release-jp', 2, ['Deployment items/items-api: 2 of 3 ready', 'pod items-api-x: Pending']);
      const america = progress('release-us', 1, []);
      await board.show({ execution, progress: progress('release-jp', 1, ['0 of 3 ready']) });
      await board.show({ execution, progress: america });
      await board.show({ execution, progress: japan });
      await board.show({ execution: `${execution}0`, progress: progress('release-uk', 1, ['elsewhere']) });
      const shown = await board.read({ execution });
      expect(shown.toSorted((left, right) => left.stage.localeCompare(right.stage))).toEqual([japan, america]);
    });
  });
}
