/** Declares the three proofs of a stage kind as tests of this project. */
import { describe, it } from 'vitest';
import { type Proof, proofsOf } from './testing.ts';

export type { ProofWorld } from './testing.ts';

export function prove<W, C, O>(proof: Proof<W, C, O>): void {
  describe('proof', () => {
    for (const { name, run } of proofsOf(proof)) it(name, run);
  });
}
