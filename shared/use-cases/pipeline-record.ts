/** What is stored of a pipeline that was checked, and how that differs from what was stored before. */
import type { Hash } from '../core/plan.ts';
import { canonicalJson } from '../pipeline/canonical.ts';
import type { ManifestFiles } from '../pipeline/render.ts';
import type { Definition } from '../pipeline/schema.ts';
import type { Blobs } from '../ports/blobs.ts';
import type { Clock } from '../ports/clock.ts';
import type { AppliedPipeline } from '../ports/pipelines.ts';
import type { StageKind } from '../stages/kind.ts';
import type { CheckedPipeline, PipelineUpload } from './check-pipelines.ts';
import { locksBefore } from './templates/choose-version.ts';

export type RecordPorts = {
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly kinds: ReadonlyMap<string, StageKind>;
};

export type PipelineChange = 'created' | 'changed' | 'unchanged';

/** Who a pipeline belongs to: the repository and commit that it comes from, or who applied it by hand all the same. */
export type Origin = Pick<AppliedPipeline, 'managed' | 'override'>;

/** What is to be stored of a checked pipeline, and how that differs from what is stored; the files are kept already. */
export async function pipelineRecord(
  ports: RecordPorts,
  command: PipelineUpload &
    Pick<CheckedPipeline, 'definition' | 'lock'> & {
      readonly before: AppliedPipeline | undefined;
      readonly origin?: Origin;
    },
): Promise<{ readonly pipeline: AppliedPipeline; readonly change: PipelineChange }> {
  const { file, text, definition, lock, files, before, origin = {} } = command;
  const hash = await filesOf(ports, definition, files);
  const source = await ports.blobs.put({ text });
  const stored = JSON.parse(JSON.stringify(definition));
  const isSame =
    before?.files === hash &&
    canonicalJson(before?.definition ?? null) === canonicalJson(stored) &&
    canonicalJson(before?.templates ?? {}) === canonicalJson(lock);
  // That another commit says the same is no change; that it now belongs to another is.
  const isTheirs = before?.managed?.repository === origin.managed?.repository && before?.override === undefined;
  if (before !== undefined && isSame && isTheirs && origin.override === undefined) {
    // Comments are kept for people, and change nothing that runs.
    return { pipeline: before.source === source ? before : { ...before, source }, change: 'unchanged' };
  }
  const pipeline: AppliedPipeline = {
    format: 1,
    name: definition.pipeline,
    team: definition.team,
    file,
    definition: stored,
    ...(hash === undefined ? {} : { files: hash }),
    source,
    ...(Object.keys(lock).length === 0 ? {} : { templates: lock, templatesBefore: locksBefore(before, lock) }),
    appliedAt: ports.clock.now(),
    generation: (before?.generation ?? 0) + 1,
    ...origin,
  };
  return { pipeline, change: before === undefined ? 'created' : 'changed' };
}

/** The blob of the files, where the pipeline names any. */
export async function filesOf(
  { blobs, kinds }: Pick<RecordPorts, 'blobs' | 'kinds'>,
  definition: Definition,
  files: ManifestFiles,
): Promise<Hash | undefined> {
  const rendersLater = Object.values(definition.stages).some(({ uses }) => kinds.get(uses)?.rendersFiles === true);
  if (definition.manifests === undefined && !rendersLater) return undefined;
  return blobs.put({ text: canonicalJson(files) });
}
