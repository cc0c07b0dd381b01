/** What is kept of templates: their versions, and how far a new one has come. */
import type { Hash } from '../core/plan.ts';

/** Versions of one template that are kept; a document that lists them stays small. */
export const MAXIMUM_TEMPLATE_VERSIONS = 200;

/**
 * Who may get a version.
 * `released`: whoever's range matches. `rolling`: pipelines in the rings that its rollout has reached.
 * `withdrawn`: nobody any more, except who names it exactly and runs it already.
 */
export type VersionStanding = 'released' | 'rolling' | 'withdrawn';

export type PublishedVersion = {
  /** Semver, without range characters. */
  readonly version: string;
  /** The blob of the checked definition, as the language's schema gives it. */
  readonly definition: Hash;
  /** The blob of the file's text, with its comments. */
  readonly source: Hash;
  /** The path of the file that it was published from, for messages about it. */
  readonly file: string;
  readonly publishedAt: number;
  readonly by: string;
  readonly standing: VersionStanding;
  /** What people who use it are told, with the way on. */
  readonly deprecated?: string;
};

/** Pipelines that get a new version together. */
export type Ring =
  /** The first so many per cent of the pipelines, in an order made from their names; those of earlier rings count. */
  | { readonly percent: number; readonly upTo: string }
  /** Pipelines whose names match the glob. */
  | { readonly pipelines: string };

/** The newest version's way through the rings. At most one for each template. */
export type Rollout = {
  readonly version: string;
  readonly rings: readonly Ring[];
  /** Successful executions in a ring, after its locks moved, before the next ring's locks move. */
  readonly after: number;
  readonly startedAt: number;
  /** The ring that is at work, from 0. Those before it have proved themselves. */
  readonly ring: number;
  readonly state: RolloutState;
};

export type RolloutState =
  /** The ring's locks are being moved, since `since`; pipelines up to `past`, by name, have been looked at. */
  | { readonly is: 'moving'; readonly since: number; readonly past: string }
  /**
   * Executions since `since`, when the first of the ring's locks could have moved, are counted in rounds, pipeline by pipeline, up to `past`. `round` is what this round has
   * counted so far, `counted` what the last whole one did.
   */
  | {
      readonly is: 'proving';
      readonly since: number;
      readonly past: string;
      readonly round: RingCount;
      readonly counted?: RingCount;
    }
  /** `because` is a sentence: which execution failed, or why the pipeline does not fit the version. */
  | {
      readonly is: 'stopped';
      readonly at: number;
      readonly pipeline: string;
      readonly because: string;
      readonly execution?: string;
    }
  /** Locks are being put back; those of pipelines up to `past`, by name, are. */
  | { readonly is: 'goingBack'; readonly past: string; readonly by: string; readonly left: readonly LeftBehind[] }
  | {
      readonly is: 'over';
      readonly at: number;
      readonly how: 'released' | 'rolledBack';
      readonly left: readonly LeftBehind[];
    };

/** The ring's pipelines on the new version, and their executions on it that succeeded. */
export type RingCount = { readonly pipelines: number; readonly successes: number };

/** A pipeline that could not go back, and why. */
export type LeftBehind = { readonly pipeline: string; readonly because: string };

/** One template, by its name. */
export type TemplateRecord = {
  readonly format: 1;
  readonly name: string;
  /** The team that may publish it. */
  readonly owner: string;
  readonly description: string;
  /** In the order of their precedence. */
  readonly versions: readonly PublishedVersion[];
  readonly rollout?: Rollout;
};

/** Says that the template of this key may have a rollout that moves by itself, so that the tick reads only those. */
export type ActiveRollout = { readonly format: 1; readonly version: string; readonly since: number };
