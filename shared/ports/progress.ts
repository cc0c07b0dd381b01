/** What a running step shows of its work between two commits; nothing decides by it, so the last writer wins. */

export type Progress = {
  readonly stage: string;
  readonly attempt: number;
  readonly step: number;
  readonly at: number;
  /** One line each, the most important first. */
  readonly lines: readonly string[];
};

export interface ProgressBoard {
  show(command: { execution: string; progress: Progress }): Promise<void>;
  read(query: { execution: string }): Promise<readonly Progress[]>;
}
