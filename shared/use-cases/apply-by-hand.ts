/** Applies a file that a person sends: what a repository manages is left to it, unless the person says why not. */
import type { Problem } from '../pipeline/problem.ts';
import type { Cells } from '../ports/cells.ts';
import type { Repository } from '../ports/repositories.ts';
import { type ApplyPorts, applyFiles } from './apply-files.ts';
import type { PipelineUpload } from './check-pipelines.ts';
import type { Origin, PipelineChange } from './pipeline-record.ts';

export type ApplyByHandPorts = ApplyPorts & { readonly repositories: Pick<Cells<Repository>, 'read'> };

export type Applied =
  | {
      readonly is: 'applied';
      readonly pipelines: readonly { readonly name: string; readonly change: PipelineChange }[];
      /** What whoever applied them should know: one sentence each. */
      readonly notes: readonly string[];
    }
  | { readonly is: 'refused'; readonly problems: readonly Problem[] };

/** `override` is why a pipeline that a repository manages is applied all the same; it is kept until the next sync. */
export async function applyByHand(
  ports: ApplyByHandPorts,
  command: PipelineUpload & { readonly by: string; readonly override?: { readonly reason: string } | undefined },
): Promise<Applied> {
  const { by, override, ...upload } = command;
  const applied = await applyFiles(ports, {
    uploads: [upload],
    problems: [],
    origin: async (before): Promise<Origin | { refused: string }> => {
      const { managed, name } = before ?? {};
      const repository = managed === undefined ? undefined : await ports.repositories.read({ key: managed.repository });
      if (managed === undefined || repository === undefined) return {};
      if (override !== undefined) return { managed, override: { by, reason: override.reason, at: ports.clock.now() } };
      const { id, branch } = repository.value;
      return {
        refused:
          `"${name}" is managed by the repository ${id}: push the change to its branch ${branch}, ` +
          'or apply it all the same with --override --reason "…"',
      };
    },
  });
  if (applied.is === 'refused') return applied;
  const pipelines = applied.pipelines.flatMap(({ name, change }) => (change === 'removed' ? [] : [{ name, change }]));
  return { is: 'applied', pipelines, notes: applied.notes };
}
