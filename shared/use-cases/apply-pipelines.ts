/** Takes pipeline files as a person uploads them: all of a file's pipelines are checked, then all are kept, or none. */
import type { Hash } from '../core/plan.ts';
import { canonicalJson } from '../pipeline/canonical.ts';
import { parsePipelines } from '../pipeline/parse.ts';
import type { Problem } from '../pipeline/problem.ts';
import { type ManifestFiles, readManifests } from '../pipeline/render.ts';
import type { Definition } from '../pipeline/schema.ts';
import type { Blobs } from '../ports/blobs.ts';
import type { Clock } from '../ports/clock.ts';
import type { AppliedPipeline, Pipelines } from '../ports/pipelines.ts';
import type { StageKind } from '../stages/kind.ts';
import { triggerEntries } from '../triggers/keys.ts';

export type ApplyPorts = {
  readonly pipelines: Pipelines;
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly kinds: ReadonlyMap<string, StageKind>;
  /** The names of the targets that there are. */
  readonly targets: readonly string[];
};

export type Applied =
  | {
      readonly is: 'applied';
      readonly pipelines: readonly { readonly name: string; readonly change: 'created' | 'changed' | 'unchanged' }[];
    }
  | { readonly is: 'refused'; readonly problems: readonly Problem[] };

/** `files` holds the manifests by their path relative to `file`. */
export async function applyPipelines(
  ports: ApplyPorts,
  command: { readonly file: string; readonly text: string; readonly files: ManifestFiles },
): Promise<Applied> {
  const { file, text, files } = command;
  const parsed = parsePipelines({ file, text, kinds: ports.kinds });
  if ('problems' in parsed) return { is: 'refused', problems: parsed.problems };
  const problems = parsed.pipelines.flatMap((definition) => [
    ...problemsOfTargets(file, definition, ports.targets),
    ...problemsOfManifests(file, definition, files),
  ]);
  if (problems.length > 0) return { is: 'refused', problems };
  const pipelines: { name: string; change: 'created' | 'changed' | 'unchanged' }[] = [];
  for (const definition of parsed.pipelines) {
    pipelines.push({ name: definition.pipeline, change: await keep(ports, file, definition, files) });
  }
  return { is: 'applied', pipelines };
}

function problemsOfTargets(file: string, definition: Definition, targets: readonly string[]): Problem[] {
  const known = new Set(targets);
  return Object.entries(definition.stages).flatMap(([id, stage]) => {
    const named = stage.target === undefined ? (stage.targets ?? []) : [stage.target];
    return named
      .filter((target) => !known.has(target))
      .map((target): Problem => {
        const message = `stages.${id}  no target is called "${target}"; there are ${targets.join(', ')}`;
        return { file, line: 1, column: 1, message };
      });
  });
}

function problemsOfManifests(file: string, definition: Definition, files: ManifestFiles): readonly Problem[] {
  if (definition.manifests === undefined) return [];
  const read = readManifests({ files, patterns: definition.manifests.files, pipelineFile: file });
  return 'problems' in read ? read.problems : [];
}

async function keep(
  ports: ApplyPorts,
  file: string,
  definition: Definition,
  files: ManifestFiles,
): Promise<'created' | 'changed' | 'unchanged'> {
  const before = await ports.pipelines.get({ name: definition.pipeline });
  const hash: Hash | undefined =
    definition.manifests === undefined ? undefined : await ports.blobs.put({ text: canonicalJson(files) });
  const stored = JSON.parse(JSON.stringify(definition));
  const isSame = before?.files === hash && canonicalJson(before?.definition ?? null) === canonicalJson(stored);
  if (before !== undefined && isSame) return 'unchanged';
  const pipeline: AppliedPipeline = {
    format: 1,
    name: definition.pipeline,
    team: definition.team,
    file,
    definition: stored,
    ...(hash === undefined ? {} : { files: hash }),
    appliedAt: ports.clock.now(),
    generation: (before?.generation ?? 0) + 1,
  };
  await ports.pipelines.put({ pipeline, triggers: triggerEntries(definition) });
  return before === undefined ? 'created' : 'changed';
}
