/** The shape that every stage kind has: its schemas, a step, and what stops it. */
import type { ZodType } from 'zod';
import type { PinnedImage } from '../core/plan.ts';
import type { Input, Outcome } from '../core/run.ts';
import type { Blobs } from '../ports/blobs.ts';
import type { Cells, Lock } from '../ports/cells.ts';
import type { Clock } from '../ports/clock.ts';
import type { Cluster, Manifest } from '../ports/cluster.ts';
import type { Log } from '../ports/log.ts';
import type { OtherExecutions } from '../ports/other-executions.ts';
import type { Renderer } from '../ports/renderer.ts';
import type { Secrets } from '../ports/secrets.ts';

/** What a step may use. Everything that it does is bounded by `deadline` and `signal`. */
export type StageContext = {
  readonly execution: string;
  readonly pipeline: string;
  readonly stage: string;
  readonly attempt: number;
  readonly step: number;
  /** How often this step was begun, from 1. Above 1: look first, the one before may have acted. */
  readonly tries: number;
  /** Set while the stage is stopped where its last step was begun and nobody heard what it did: it may have acted. */
  readonly mayHaveActed?: true;
  /** Tells this side effect from every other: execution, stage, attempt and step. Send it as the idempotency key. */
  readonly key: string;
  readonly namespace: string;
  /** The only namespaces that may be written to, with `*` for any letters; absent where all may, and the whole cluster. */
  readonly namespaces?: readonly string[];
  readonly target?: string;
  readonly images: { readonly [name: string]: PinnedImage };
  /** Where the plan's rendered manifests are; a JSON array of Kubernetes objects. */
  readonly manifests?: string;
  /** The blob of the files beside the pipeline file: a JSON object from path to text. */
  readonly files?: string;
  /** When the step must have answered, in epoch ms. */
  readonly deadline: number;
  /** Aborts at the deadline. */
  readonly signal: AbortSignal;
  /** True while this worker still holds the step. To be asked directly before each write to the outside. */
  mayWrite(): boolean;
  readonly clock: Clock;
  readonly blobs: Blobs;
  readonly locks: Cells<Lock>;
  /** True while the attempt that holds a lock may still be working; a lock whose holder is at rest may be taken. */
  isAtWork(holder: { execution: string; stage: string; attempt: number }): Promise<boolean>;
  /** The cluster of the stage's target. Throws where the stage has no target. */
  cluster(): Promise<Cluster>;
  /** Absent where only one execution is run, without the system around it. */
  readonly others?: OtherExecutions;
  readonly secrets: Secrets;
  readonly http: HttpClient;
  /** Absent where the system has no identity at Google. */
  readonly google?: GoogleIdentity;
  readonly renderer: Renderer;
  readonly log: Log;
  /** Shows lines of progress to whoever watches. Rate-limited; nothing decides by them. */
  report(lines: readonly string[]): void;
  /** Where a signal for this stage can be sent, for call-backs; absent where nothing listens. */
  readonly callbackUrl?: string;
  /** W3C traceparent, to be sent along. */
  readonly trace?: string;
};

/** What tells a stage's manifests; known when the plan is made, too. */
export type DeliveryContext = Pick<
  StageContext,
  'pipeline' | 'namespace' | 'namespaces' | 'target' | 'images' | 'manifests' | 'files' | 'blobs'
>;

/** The system's own identity at Google, lent to stages in the projects that the admins list. */
export interface GoogleIdentity {
  /** An access token for Google's APIs; undefined where stages may not act in the project. */
  token(query: { readonly project: string }): Promise<string | undefined>;
}

/** HTTP to places that the admins allow. Throws HttpRefused for a place that they do not. */
export interface HttpClient {
  request(command: {
    method: string;
    url: string;
    headers?: { readonly [name: string]: string };
    body?: string;
    signal: AbortSignal;
  }): Promise<{ status: number; headers: Headers; body: string }>;
}

/** A stage kind: its folder exports one of these and `registry.ts` lists it. */
export interface StageKind<W = unknown, C = unknown, O = unknown> {
  readonly kind: string;
  /** One sentence for the documentation. */
  readonly description: string;
  /** Whether stages of this kind need a target, may have one, or have none. */
  readonly target: 'required' | 'optional' | 'none';
  /**
   * Set by kinds that deliver the pipeline's manifests: a pipeline without any cannot use them. As a function it tells
   * that by the parameters as they stand in the file, whose values may still be expressions.
   */
  readonly manifests?: 'required' | ((given: { readonly [parameter: string]: unknown }) => boolean);
  /** Set by kinds whose parameters name files as `manifests:` does: they are taken along with the pipeline. */
  readonly rendersFiles?: true;
  /** What the author may write. Its output is valid input again, because plans keep the output and are read back. */
  readonly with: ZodType<W>;
  /** How long a stage with these parameters takes at least, in ms, where they say so: a shorter timeout is refused. */
  shortestMs?(parameters: W): number;
  /** How long a stage with these parameters may wait for others, in ms: its timeout is longer where nobody gives one. */
  longestMs?(parameters: W): number;
  readonly cursor: ZodType<C>;
  readonly outputs: ZodType<O>;
  /** The outputs of a stage with these parameters, where they depend on them; given to the type check of expressions. */
  outputsOf?(parameters: W): ZodType<O>;
  /** What a stage with these parameters applies to its target, in the order of applying. Throws TerminalError. */
  delivers?(parameters: W, context: DeliveryContext): Promise<readonly Manifest[]>;
  /** What a stage with these parameters waits for, people or a time, in a few words: `pause of 30m`. */
  gate?(parameters: W): string;
  /** One bounded piece of work. Throwing is a failure: a TerminalError is given up, anything else is retried by the policy. */
  step(parameters: W, at: { cursor: C | undefined; input: Input }, context: StageContext): Promise<Outcome<C, O>>;
  /** Brings what was begun to rest. Runs like `step`, until it says `succeeded`. */
  stop(parameters: W, at: { cursor: C | undefined; input: Input }, context: StageContext): Promise<Outcome<C, null>>;
}

const TERMINAL = Symbol.for('gennaker.dev/terminal-error');

/** A failure that no retry can mend. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
  readonly [TERMINAL] = true;

  /** A package of stage kinds may have been linked to another checkout, whose class is another. */
  static override [Symbol.hasInstance](error: unknown): boolean {
    return typeof error === 'object' && error !== null && TERMINAL in error;
  }
}
