/** Each mend of the protocol taken out again: the simulation must notice every one. */
import { CLUSTER_MUTANTS } from './cluster-mutants.ts';
import { CORE_MUTANTS } from './core-mutants.ts';
import { FLOW_MUTANTS } from './flow-mutants.ts';
import { USE_CASE_MUTANTS } from './use-case-mutants.ts';

export type Mutant = {
  readonly name: string;
  /** What the code does without the mend. */
  readonly without: string;
  /** The seed to begin with, where few worlds meet it. */
  readonly from?: number;
  /** The scene that it takes to meet it soon, where a random world is too kind. */
  readonly scene?: string;
  /** Replacements in the code; each `find` must stand in its file exactly once. */
  readonly edits: readonly { readonly file: string; readonly find: string; readonly replace: string }[];
};

export const MUTANTS: readonly Mutant[] = [...CORE_MUTANTS, ...USE_CASE_MUTANTS, ...FLOW_MUTANTS, ...CLUSTER_MUTANTS];
