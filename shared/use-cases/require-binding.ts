/** Holds plans of pipelines that a repository manages to what its team may use, once everything in them is known. */
import type { Plan } from '../core/plan.ts';
import { beyondBinding } from '../pipeline/binding.ts';
import type { Blobs } from '../ports/blobs.ts';
import type { Cells } from '../ports/cells.ts';
import type { Manifest } from '../ports/cluster.ts';
import type { AppliedPipeline } from '../ports/pipelines.ts';
import type { Team } from '../ports/repositories.ts';
import { CannotPlan } from './make-plan.ts';

export type BindingPorts = { readonly teams: Pick<Cells<Team>, 'read'>; readonly blobs: Pick<Blobs, 'get'> };

/**
 * Files can name targets and namespaces by expressions, by labels and through templates, so what a sync has seen is
 * not all. Throws CannotPlan. What only stages render later is not seen here.
 */
export async function requireBinding(ports: BindingPorts, pipeline: AppliedPipeline, plan: Plan): Promise<void> {
  const { managed, team: name } = pipeline;
  if (managed === undefined) return;
  const team = (await ports.teams.read({ key: name }))?.value;
  if (team === undefined) {
    throw new CannotPlan(
      `${pipeline.name} is managed by the repository ${managed.repository} for the team ${name}, and there is no such team any more.`,
    );
  }
  const hashes = new Set([plan.manifests, ...plan.stages.map(({ manifests }) => manifests)]);
  const objects: Manifest[] = [];
  for (const hash of hashes) {
    const text = hash === undefined ? undefined : await ports.blobs.get({ hash });
    if (text !== undefined) objects.push(...(JSON.parse(text) as Manifest[]));
  }
  const claimed = beyondBinding(team, plan, objects);
  if (claimed !== undefined) throw new CannotPlan(`${pipeline.name} claims what its team may not have: ${claimed}.`);
}
