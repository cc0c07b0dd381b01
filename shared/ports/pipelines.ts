/** The applied pipelines, and the index that finds the triggers which look at an event without scanning pipelines. */
import type { Json } from '../core/json.ts';
import type { Hash } from '../core/plan.ts';
import type { Versioned } from './execution-store.ts';

export type AppliedPipeline = {
  readonly format: 1;
  readonly name: string;
  readonly team: string;
  /** The path of the file that it was applied from, for messages about it. */
  readonly file: string;
  /** The checked definition, as the language's schema gives it. */
  readonly definition: Json;
  /** The blob of the uploaded manifests: a JSON object from file path to text. */
  readonly files?: Hash;
  readonly appliedAt: number;
  /** Grows by one each time the pipeline changes. */
  readonly generation: number;
  /** The registered repository and the commit that it comes from; absent where it was applied by hand. */
  readonly managed?: { readonly repository: string; readonly commit: string };
  /** Who applied it by hand although a repository manages it, and why; until the next sync that changes it. */
  readonly override?: { readonly by: string; readonly reason: string; readonly at: number };
  /** The blob of the file's text, with its comments: what problems point into and copies are made of. */
  readonly source?: Hash;
  /** The exact versions of the templates that it runs, by name. */
  readonly templates?: TemplateLock;
  /** Those that it ran before each of them last changed, to go back to. */
  readonly templatesBefore?: TemplateLock;
};

export type TemplateLock = { readonly [template: string]: string };

/** One trigger that looks at events of one key. */
export type TriggerEntry = {
  /** What an event must equal to be looked at: `image:<repository>`, … */
  readonly key: string;
  readonly pipeline: string;
  /** The position in the pipeline's `on`. */
  readonly index: number;
  /** Set where a clock fires the trigger. */
  readonly schedule?: ScheduleRule;
};

/** When a clock fires a trigger. */
export type ScheduleRule = {
  /** A cron expression. */
  readonly cron: string;
  /** The time zone whose clocks count: `Asia/Tokyo`. */
  readonly timezone: string;
  /** How long after the time that the expression names the trigger is fired, in ms. */
  readonly delayMs: number;
  /** Firings that are overdue by more, in ms, are given up. */
  readonly catchUpMs: number;
};

/** How far a trigger's schedule has come. */
export type Schedule = {
  readonly format: 1;
  readonly pipeline: string;
  /** That of the trigger's entry. */
  readonly key: string;
  readonly rule: ScheduleRule;
  /** All firings up to this instant were made or given up; at first the time at which the pipeline was applied. */
  readonly doneUntil: number;
  /** When to look next; at first at once. */
  readonly dueAt: number;
};

export type PipelineChanges = {
  readonly puts: readonly {
    readonly pipeline: AppliedPipeline;
    readonly triggers: readonly TriggerEntry[];
    readonly expected: number;
  }[];
  readonly removals: readonly { readonly name: string; readonly expected: number }[];
};

export interface Pipelines {
  get(query: { name: string }): Promise<AppliedPipeline | undefined>;
  list(query: { limit: number; after?: string }): Promise<readonly AppliedPipeline[]>;
  /**
   * Puts and removes pipelines with their triggers, all of them or none: `conflict` where one is not of the generation
   * that is expected of it; 0 expects that there is none of its name. What has run of a removed one is kept. A schedule
   * whose key is among the new ones goes on where it stands.
   */
  change(command: PipelineChanges): Promise<'changed' | 'conflict'>;
  /** The triggers that look at events of this key. Reads only those. */
  triggers(query: { key: string }): Promise<readonly TriggerEntry[]>;
}

/** The index of the schedules by when they are due; they are put and removed with their pipelines. */
export interface Schedules {
  /** The schedules whose `dueAt` is at or before `before`, the most overdue first. Reads only those. */
  dueSchedules(query: { before: number; limit: number }): Promise<readonly Versioned<Schedule>[]>;
  /** Moves a schedule on: `conflict` where it was moved or removed since it was read. */
  moveSchedule(command: Versioned<Schedule>): Promise<'moved' | 'conflict'>;
}
