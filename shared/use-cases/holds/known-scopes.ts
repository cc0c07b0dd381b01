/** Tells a scope that names nothing, so that a slip of the pen is not taken for something that is held. */
import { didYouMean } from '../../pipeline/nearest.ts';
import { isRecord } from '../../pipeline/yaml-file.ts';
import type { Cells } from '../../ports/cells.ts';
import type { ExecutionStore } from '../../ports/execution-store.ts';
import type { HoldScope } from '../../ports/holds.ts';
import type { AppliedPipeline, Pipelines } from '../../ports/pipelines.ts';
import type { Team } from '../../ports/repositories.ts';

/** Pipelines whose names and teams are looked through; with more of them, a team is not said to be unknown. */
const MAXIMUM_NAMES = 1_000;

export type ScopePorts = {
  readonly pipelines: Pick<Pipelines, 'get' | 'list'>;
  readonly teams: Pick<Cells<Team>, 'read'>;
  readonly targets: readonly { readonly name: string }[];
  readonly executions: Pick<ExecutionStore, 'readExecution'>;
};

/** Why nothing can be held under the scope, in a sentence; undefined where something can. */
export async function unknownScope(ports: ScopePorts, scope: HoldScope): Promise<string | undefined> {
  const [kind = '', name = ''] = scope.split(/:(.*)/su);
  switch (kind) {
    case 'target':
      return unknownTarget(ports, name);
    case 'team':
      return unknownTeam(ports, name);
    case 'pipeline':
      return (await pipelineOr(ports, name)).unknown;
    case 'trigger':
      return unknownTrigger(ports, name);
    case 'execution':
      return (await ports.executions.readExecution({ id: name })) === undefined
        ? `There is no execution ${name}; gennaker get executions lists them.`
        : undefined;
    default:
      return undefined;
  }
}

function unknownTarget({ targets }: ScopePorts, name: string): string | undefined {
  const names = targets.map((target) => target.name);
  if (names.includes(name)) return undefined;
  const known = names.length === 0 ? '; there are none.' : `; there are ${names.join(', ')}.`;
  return `There is no target ${name}${didYouMean(name, names) || known}`;
}

async function unknownTeam({ teams, pipelines }: ScopePorts, name: string): Promise<string | undefined> {
  if ((await teams.read({ key: name })) !== undefined) return undefined;
  const listed = await pipelines.list({ limit: MAXIMUM_NAMES });
  const names = [...new Set(listed.map(({ team }) => team))];
  if (names.includes(name) || listed.length === MAXIMUM_NAMES) return undefined;
  return `No pipeline belongs to a team ${name}${didYouMean(name, names) || '; gennaker get pipelines lists them.'}`;
}

async function pipelineOr(
  { pipelines }: ScopePorts,
  name: string,
): Promise<{ readonly pipeline?: AppliedPipeline; readonly unknown?: string }> {
  const pipeline = await pipelines.get({ name });
  if (pipeline !== undefined) return { pipeline };
  const names = (await pipelines.list({ limit: MAXIMUM_NAMES })).map((one) => one.name);
  return {
    unknown: `There is no pipeline ${name}${didYouMean(name, names) || '; gennaker get pipelines lists them.'}`,
  };
}

async function unknownTrigger(ports: ScopePorts, name: string): Promise<string | undefined> {
  const [pipelineName = '', position = ''] = name.split('/', 2);
  const { pipeline, unknown } = await pipelineOr(ports, pipelineName);
  if (pipeline === undefined) return unknown;
  const on = isRecord(pipeline.definition) ? pipeline.definition.on : undefined;
  // Triggers that a template gives are not in the definition.
  const isInherited = on === undefined && Object.keys(pipeline.templates ?? {}).length > 0;
  const count = Array.isArray(on) ? on.length : 0;
  if (isInherited || Number(position) < count) return undefined;
  if (count === 0) return `${pipelineName} has no triggers; nothing but people start it.`;
  const last = count === 1 ? 'its only one is 0' : `they are 0 to ${count - 1}, in the order of its "on"`;
  return `${pipelineName} has no trigger ${position}: ${last}.`;
}
