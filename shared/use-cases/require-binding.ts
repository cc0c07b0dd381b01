/** Holds plans of pipelines that a repository manages to what its team may use, once everything in them is known. */
import type { Plan } from '../core/plan.ts';
import { beyondBinding } from '../pipeline/binding.ts';
import type { Blobs } from '../ports/blobs.ts';
import type { Cells } from '../ports/cells.ts';
import type { Manifest } from '../ports/cluster.ts';
import type { AppliedPipeline } from '../ports/pipelines.ts';
import type { Repository, Team } from '../ports/repositories.ts';
import { inlineObjects } from '../stages/deploy/manifests.ts';
import { deployParameters } from '../stages/deploy/schema.ts';
import { CannotPlan } from './make-plan.ts';

export type BindingPorts = {
  readonly teams: Pick<Cells<Team>, 'read'>;
  readonly repositories: Pick<Cells<Repository>, 'read'>;
  readonly blobs: Pick<Blobs, 'get'>;
};

/**
 * The plan with the namespaces that its stages are held to, where a repository manages the pipeline. Files can name
 * targets and namespaces by expressions, by labels and through templates, so what a sync has seen is not all; what
 * stages only render later is held to the namespaces when it is applied. Throws CannotPlan.
 */
export async function requireBinding(ports: BindingPorts, pipeline: AppliedPipeline, plan: Plan): Promise<Plan> {
  const team = await teamOf(ports, pipeline);
  if (team === undefined) return plan;
  const claimed = beyondBinding(team, plan, await objectsIn(ports.blobs, plan));
  if (claimed !== undefined) throw new CannotPlan(`${pipeline.name} claims what its team may not have: ${claimed}.`);
  return boundTo(team, plan);
}

/**
 * The same for a plan that was made earlier and is run again as it is. `pipeline` is what is applied now, undefined where
 * it was removed. Throws CannotPlan.
 */
export async function requireBindingAgain(
  ports: BindingPorts,
  pipeline: AppliedPipeline | undefined,
  plan: Plan,
): Promise<void> {
  const { namespaces } = plan;
  if (pipeline === undefined) {
    if (namespaces === undefined) return;
    throw new CannotPlan(`${plan.pipeline} was removed from its repository, so nothing of it is run again.`);
  }
  const bound = await requireBinding(ports, pipeline, plan);
  if (bound.namespaces === undefined) return;
  const allowed = new Set(bound.namespaces);
  if (namespaces?.every((pattern) => allowed.has(pattern)) === true) return;
  const why = namespaces === undefined ? 'before it was held to a team' : 'when its team could use other namespaces';
  throw new CannotPlan(`${plan.pipeline} was planned ${why}; start it anew with gennaker run ${plan.pipeline}.`);
}

/** The plan, whose stages write to the namespaces of the team and nowhere else. */
export function boundTo({ namespaces }: Pick<Team, 'namespaces'>, plan: Plan): Plan {
  return { ...plan, namespaces };
}

/** The objects that the plan holds, rendered or in the parameters of its stages. */
export async function objectsIn(blobs: Pick<Blobs, 'get'>, plan: Plan): Promise<readonly Manifest[]> {
  const hashes = new Set([plan.manifests, ...plan.stages.map(({ manifests }) => manifests)]);
  const objects: Manifest[] = [];
  for (const hash of hashes) {
    const text = hash === undefined ? undefined : await blobs.get({ hash });
    if (text !== undefined) objects.push(...(JSON.parse(text) as Manifest[]));
  }
  for (const { kind, isDynamic, with: given } of plan.stages) {
    const parameters = kind === 'deploy' && isDynamic !== true ? deployParameters.safeParse(given) : undefined;
    if (parameters?.success === true) objects.push(...inlineObjects(parameters.data));
  }
  return objects;
}

/** Whose binding holds: that of the repository, whatever team the file names. None where nothing manages the pipeline. */
async function teamOf(ports: BindingPorts, { name, managed, team }: AppliedPipeline): Promise<Team | undefined> {
  if (managed === undefined) return undefined;
  const repository = (await ports.repositories.read({ key: managed.repository }))?.value;
  const key = repository?.team ?? team;
  const found = (await ports.teams.read({ key }))?.value;
  if (found !== undefined) return found;
  throw new CannotPlan(
    `${name} is managed by the repository ${managed.repository} for the team ${key}, and there is no such team any more.`,
  );
}
