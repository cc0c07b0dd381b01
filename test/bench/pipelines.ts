/** The pipelines that are measured: stages that do nothing, so that what remains is the engine's own. */
import { z } from 'zod';
import type { StageKind } from '../../shared/stages/kind.ts';

const MAXIMUM_STEPS = 1_000;

const emptyParameters = z.strictObject({ steps: z.int().min(1).max(MAXIMUM_STEPS).default(1) });

/** The stage kind `empty`, which succeeds at its first step or at the one that `steps` says. `begun` hears of each step. */
export function emptyKind(
  begun: (execution: string) => void = () => undefined,
): StageKind<z.output<typeof emptyParameters>, number, null> {
  return {
    kind: 'empty',
    description: 'Does nothing, in so many steps.',
    target: 'none',
    with: emptyParameters,
    cursor: z.int(),
    outputs: z.null(),
    async step({ steps }, { cursor = 0 }, { execution }) {
      begun(execution);
      const done = cursor + 1;
      return done < steps ? { is: 'again', cursor: done } : { is: 'succeeded', outputs: null };
    },
    stop: async () => ({ is: 'succeeded', outputs: null }),
  };
}

export const emptyKinds = (begun?: (execution: string) => void): ReadonlyMap<string, StageKind> => {
  const kind = emptyKind(begun);
  return new Map([[kind.kind, kind]]);
};

/** A pipeline file: `stages` empty stages one after the other, of `steps` steps each. */
export function emptyPipeline(name: string, { stages, steps = 1 }: { stages: number; steps?: number }): string {
  const lines = Array.from({ length: stages }, (_, index) => {
    const needs = index === 0 ? '' : `, needs: stage_${index - 1}`;
    return `  stage_${index}: { uses: empty, with: { steps: ${steps} }${needs} }`;
  });
  return `pipeline: ${name}\nteam: bench\nstages:\n${lines.join('\n')}\n`;
}
