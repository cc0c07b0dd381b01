/** What all teams have: pipelines and templates with their owners and how well they run, to be found and copied from. */
import { z } from 'zod';
import { statusOf } from '../core/execution.ts';
import type { ExecutionStore } from '../ports/execution-store.ts';
import type { AppliedPipeline } from '../ports/pipelines.ts';
import type { ExecutionStatus, Timestamp } from './describe-execution.ts';
import { timestamp } from './describe-execution.ts';
import { describeTemplates } from './templates/describe.ts';
import type { RolloutPorts } from './templates/ports.ts';
import { allPipelines } from './templates/publish.ts';

/** Executions of one pipeline that its success rate is made of. */
const MAXIMUM_JUDGED = 20;
const MAXIMUM_LAST = 5;

export type CatalogPipeline = {
  readonly kind: 'pipeline';
  readonly name: string;
  readonly owner: string;
  readonly uses: readonly string[];
  readonly targets: readonly string[];
  readonly templates: { readonly [name: string]: string };
  /** The newest first. */
  readonly last: readonly { readonly id: string; readonly status: ExecutionStatus; readonly createdAt: Timestamp }[];
  /** From 0 to 1, of its last executions that succeeded or failed; null where there are none. */
  readonly successRate: number | null;
};

export type CatalogTemplate = {
  readonly kind: 'template';
  readonly name: string;
  readonly owner: string;
  readonly description: string;
  readonly released: string | null;
  /** How many pipelines use it. */
  readonly users: number;
};

export type CatalogEntry = CatalogPipeline | CatalogTemplate;

export type CatalogPorts = Pick<RolloutPorts, 'templates' | 'pipelines'> & {
  readonly executions: Pick<ExecutionStore, 'list'>;
};

/**
 * The templates, then the pipelines, by name, that have every word of `search` in their name, owner, description, or in
 * what they use and deliver. At most `limit`, those after the pipeline `after`; a later page has no templates.
 */
export async function readCatalog(
  ports: CatalogPorts,
  query: { readonly search?: string | undefined; readonly limit: number; readonly after?: string | undefined },
): Promise<readonly CatalogEntry[]> {
  const words = (query.search ?? '')
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  const isWanted = (texts: readonly string[]): boolean => {
    const text = texts.join('\n').toLowerCase();
    return words.every((word) => text.includes(word));
  };
  const entries: CatalogEntry[] = [];
  if (query.after === undefined) {
    for (const { name, owner, description, released, versions } of await describeTemplates(ports)) {
      if (!isWanted([name, owner, description])) continue;
      const users = versions.reduce((sum, { usedBy }) => sum + usedBy.length, 0);
      entries.push({ kind: 'template', name, owner, description, released, users });
    }
  }
  const wanted: AppliedPipeline[] = [];
  for await (const pipeline of allPipelines(ports, query.after)) {
    if (entries.length + wanted.length >= query.limit) break;
    const { uses, targets, images } = partsOf(pipeline);
    if (isWanted([pipeline.name, pipeline.team, ...uses, ...targets, ...images])) wanted.push(pipeline);
  }
  const described = await Promise.all(wanted.map((pipeline) => describePipeline(ports, pipeline)));
  return [...entries, ...described].slice(0, query.limit);
}

/** Only what every version of the language has; a definition that says it otherwise is found by name and team. */
const Parts = z.object({
  images: z.record(z.string(), z.object({ repository: z.string() })).catch({}),
  stages: z.record(
    z.string(),
    z.object({
      uses: z.string(),
      target: z.string().optional().catch(undefined),
      targets: z.array(z.string()).catch([]),
    }),
  ),
});

function partsOf({ definition }: AppliedPipeline): { uses: string[]; targets: string[]; images: string[] } {
  const parsed = Parts.safeParse(definition);
  if (!parsed.success) return { uses: [], targets: [], images: [] };
  const stages = Object.values(parsed.data.stages);
  return {
    uses: [...new Set(stages.map(({ uses }) => uses))],
    targets: [
      ...new Set(stages.flatMap(({ target, targets }) => (target === undefined ? targets : [target, ...targets]))),
    ],
    images: Object.values(parsed.data.images).map(({ repository }) => repository),
  };
}

async function describePipeline(ports: CatalogPorts, pipeline: AppliedPipeline): Promise<CatalogPipeline> {
  const { name, team, templates = {} } = pipeline;
  const executions = await ports.executions.list({ pipeline: name, limit: MAXIMUM_JUDGED });
  const ends = executions.flatMap(({ phase }) => (phase.is === 'ended' ? [phase.end] : []));
  const successes = ends.filter((end) => end === 'succeeded').length;
  const judged = successes + ends.filter((end) => end === 'failed').length;
  const { uses, targets } = partsOf(pipeline);
  return {
    kind: 'pipeline',
    name,
    owner: team,
    uses,
    targets,
    templates,
    last: executions.slice(0, MAXIMUM_LAST).map((execution) => ({
      id: execution.id,
      status: statusOf(execution),
      createdAt: timestamp(execution.createdAt),
    })),
    successRate: judged === 0 ? null : successes / judged,
  };
}
