/** The applied pipelines, and the index that finds the triggers which look at an event without scanning pipelines. */
import type { Json } from '../core/json.ts';
import type { Hash } from '../core/plan.ts';

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
};

/** One trigger that looks at events of one key. */
export type TriggerEntry = {
  /** What an event must equal to be looked at: `image:<repository>`, … */
  readonly key: string;
  readonly pipeline: string;
  /** The position in the pipeline's `on`. */
  readonly index: number;
};

export interface Pipelines {
  get(query: { name: string }): Promise<AppliedPipeline | undefined>;
  list(query: { limit: number; after?: string }): Promise<readonly AppliedPipeline[]>;
  /** Replaces the pipeline and all its triggers, atomically. */
  put(command: { pipeline: AppliedPipeline; triggers: readonly TriggerEntry[] }): Promise<void>;
  /** The triggers that look at events of this key. Reads only those. */
  triggers(query: { key: string }): Promise<readonly TriggerEntry[]>;
}
