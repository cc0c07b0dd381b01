/** Finds pipelines that would start or run one another in a circle, as far as that can be told before they run. */
import type { Json } from '../core/json.ts';
import type { Path } from '../pipeline/problem.ts';
import { isRecord } from '../pipeline/yaml-file.ts';
import type { Pipelines } from '../ports/pipelines.ts';

/** Pipelines that one search looks at; a longer chain is stopped when it runs. */
const MAXIMUM_LOOKED_AT = 200;

/** What of a pipeline leads from or to others, as it stands in its file. */
export type Declaration = { readonly on?: unknown; readonly stages?: unknown };
/** Another pipeline that a declaration names, and where. */
type Link = { readonly path: Path; readonly name: string };
export type Loop = { readonly pipeline: string; readonly path: Path; readonly text: string };

/**
 * The circles that the declared pipelines close, each told at the place that closes it. `declared` are all of one
 * upload, which count instead of those that are stored under their names.
 */
export async function loopsIn(
  pipelines: Pick<Pipelines, 'get'>,
  declared: ReadonlyMap<string, Declaration>,
): Promise<readonly Loop[]> {
  const stored = new Map<string, Declaration>();
  const find = async (name: string): Promise<Declaration> => {
    const known = declared.get(name) ?? stored.get(name);
    if (known !== undefined) return known;
    const found = declarationOf((await pipelines.get({ name }))?.definition);
    stored.set(name, found);
    return found;
  };
  const loops: Loop[] = [];
  for (const [pipeline, declaration] of declared) {
    for (const { path, name } of startersOf(declaration)) {
      // A trigger names who comes before, so the way is found backwards.
      const way = (await circle(find, startersOf, pipeline, name))?.toReversed();
      const text = `makes a loop in which pipelines start one another without end: ${way?.join(' → ')}`;
      if (way !== undefined) loops.push({ pipeline, path, text });
    }
    for (const { path, name } of runsOf(declaration)) {
      const way = await circle(find, runsOf, pipeline, name);
      const text = `makes a circle of pipelines that run one another without end: ${way?.join(' → ')}`;
      if (way !== undefined) loops.push({ pipeline, path, text });
    }
  }
  return loops;
}

/** The pipelines whose ends start the one that is declared so. */
function startersOf({ on }: Declaration): readonly Link[] {
  if (!Array.isArray(on)) return [];
  return on.flatMap((trigger: unknown, index): Link[] =>
    isRecord(trigger) && typeof trigger.pipeline === 'string'
      ? [{ path: ['on', index, 'pipeline'], name: trigger.pipeline }]
      : [],
  );
}

/** The pipelines that its stages run; a name that is an expression is known only when it runs. */
function runsOf({ stages }: Declaration): readonly Link[] {
  if (!isRecord(stages)) return [];
  return Object.entries(stages).flatMap(([id, stage]): Link[] => {
    const name = isRecord(stage) && stage.uses === 'pipeline' && isRecord(stage.with) ? stage.with.pipeline : undefined;
    return typeof name === 'string' ? [{ path: ['stages', id, 'with', 'pipeline'], name }] : [];
  });
}

/** The shortest way from `pipeline` over `next` back to it, both ends included; undefined where there is none. */
async function circle(
  find: (name: string) => Promise<Declaration>,
  linksOf: (declaration: Declaration) => readonly Link[],
  pipeline: string,
  next: string,
): Promise<readonly string[] | undefined> {
  const seen = new Set<string>();
  let ways: (readonly string[])[] = [[pipeline, next]];
  while (ways.length > 0 && seen.size < MAXIMUM_LOOKED_AT) {
    const further: (readonly string[])[] = [];
    for (const way of ways) {
      const last = way.at(-1) ?? '';
      if (last === pipeline) return way;
      if (seen.has(last)) continue;
      seen.add(last);
      further.push(...linksOf(await find(last)).map(({ name }) => [...way, name]));
    }
    ways = further;
  }
  return undefined;
}

const declarationOf = (definition: Json | undefined): Declaration => (isRecord(definition) ? definition : {});
