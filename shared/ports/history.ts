/** The transitions of an execution as they were announced, kept for people to read back. */
import type { Transition } from '../core/run.ts';

export interface History {
  /** Keeps each transition under its revision; keeping one again changes nothing. */
  record(command: { execution: string; transitions: readonly Transition[] }): Promise<void>;
  /** In the order of their revisions. */
  read(query: { execution: string }): Promise<readonly Transition[]>;
}
