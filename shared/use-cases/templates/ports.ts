/** What the use cases of templates are given. */

import type { TemplateUse } from '../../pipeline/template.ts';
import type { StageKinds } from '../../pipeline/usable.ts';
import type { Blobs } from '../../ports/blobs.ts';
import type { ListedCells } from '../../ports/cells.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ExecutionStore } from '../../ports/execution-store.ts';
import type { Log } from '../../ports/log.ts';
import type { AppliedPipeline, Pipelines } from '../../ports/pipelines.ts';
import type { ActiveRollout, TemplateRecord } from '../../ports/templates.ts';
import type { PlanReader } from '../plans.ts';

export type TemplateStores = {
  readonly templates: ListedCells<TemplateRecord>;
  readonly rollouts: ListedCells<ActiveRollout>;
  readonly blobs: Blobs;
  readonly clock: Clock;
};

export type LanguagePorts = { readonly kinds: StageKinds };

export type Relocked =
  | { readonly is: 'moved' }
  /** Someone has changed the pipeline meanwhile. */
  | { readonly is: 'conflict' }
  /** Its file does not fit that version; the sentence says where and why. */
  | { readonly is: 'refused'; readonly because: string };

export type RolloutPorts = TemplateStores & {
  readonly pipelines: Pipelines;
  readonly executions: Pick<ExecutionStore, 'list'>;
  readonly plans: PlanReader;
  readonly log: Log;
  /** Every use of a template in the pipeline, also by its templates as they are locked. */
  readonly usesOf: (pipeline: AppliedPipeline) => Promise<readonly TemplateUse[]>;
  /** Keeps the pipeline with another version of one template, where it still compiles. */
  readonly relock: (command: {
    readonly pipeline: AppliedPipeline;
    readonly template: string;
    readonly version: string;
  }) => Promise<Relocked>;
};
