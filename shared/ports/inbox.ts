/** What arrived and what came of it. */
import type { Json } from '../core/json.ts';

/** What one trigger made of an event. */
export type Verdict =
  | {
      readonly is: 'started' | 'queued' | 'skipped';
      readonly pipeline: string;
      readonly execution: string;
    }
  | { readonly is: 'filtered' | 'failed'; readonly pipeline: string; readonly trigger: number; readonly text: string };

export type InboxEntry = {
  readonly format: 1;
  /** The source event's id; for a refused delivery an id made from what was refused. */
  readonly id: string;
  readonly receivedAt: number;
  readonly source: string;
  /** One phrase for people. */
  readonly text: string;
  readonly event?: Json;
  /** Why it was refused before it became an event. */
  readonly refused?: string;
  /** What it changed of the system itself, one line each: pipelines that a sync brought in. */
  readonly changes?: readonly string[];
  readonly verdicts: readonly Verdict[];
};

export interface Inbox {
  /** Writes the entry, replacing one of the same id. */
  record(command: { entry: InboxEntry }): Promise<void>;
  get(query: { id: string }): Promise<InboxEntry | undefined>;
  /** Newest first by `receivedAt`. */
  list(query: { limit: number; before?: number }): Promise<readonly InboxEntry[]>;
}
