/** What arrived and what came of it. */
import type { Json } from '../core/json.ts';
import type { Version, Versioned } from './execution-store.ts';

/** One condition of a trigger beside what the event has there. */
export type Compared = {
  /** The field of the trigger or of what it names: `semver`, `branch`, `constraints[0]`. */
  readonly condition: string;
  /** What the pipeline asks for. */
  readonly wanted: string;
  /** What the event has. */
  readonly got: string;
  readonly met: boolean;
};

/** What one trigger made of an event. */
export type Verdict =
  | {
      readonly is: 'started' | 'queued' | 'skipped';
      readonly pipeline: string;
      readonly execution: string;
      /** The position in `on` of the trigger that took it; absent where a person asked. */
      readonly trigger?: number;
    }
  | {
      readonly is: 'filtered' | 'failed';
      readonly pipeline: string;
      readonly trigger: number;
      readonly text: string;
      /** The values that decided; absent where none were compared. */
      readonly compared?: readonly Compared[];
    }
  | {
      /** Another event, or the same one before, started what this one would have. */
      readonly is: 'duplicate';
      readonly pipeline: string;
      readonly trigger: number;
      /** The execution that it would have started again. */
      readonly execution: string;
      readonly text: string;
    };

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
  /** The event that a person had published again as this one, and who that was. */
  readonly replay?: { readonly of: string; readonly by: string };
  /** How often the same event came again and started nothing, and when it did last. */
  readonly repeats?: { readonly times: number; readonly lastAt: number };
  readonly verdicts: readonly Verdict[];
  /** Further verdicts that did not fit. */
  readonly untold?: number;
};

export interface Inbox {
  /** Writes the entry, replacing one of the same id. */
  record(command: { entry: InboxEntry }): Promise<void>;
  get(query: { id: string }): Promise<InboxEntry | undefined>;
  /** The entry and the version of it that `replace` expects. */
  read(query: { id: string }): Promise<Versioned<InboxEntry> | undefined>;
  /** As `record`, but `conflict` where the entry is not (or no longer) as expected, and then nothing is written. */
  replace(command: { entry: InboxEntry; expected: Version | 'absent' }): Promise<'recorded' | 'conflict'>;
  /** Newest first by `receivedAt`. */
  list(query: { limit: number; before?: number }): Promise<readonly InboxEntry[]>;
}
