/** Finds pipelines that would start one another in a circle, as far as that can be told before they run. */
import type { Json } from '../core/json.ts';
import { isRecord } from '../pipeline/yaml-file.ts';
import type { Pipelines } from '../ports/pipelines.ts';

/** Pipelines that one search looks at; a longer chain is stopped when it runs. */
const MAXIMUM_LOOKED_AT = 200;

/** The pipelines whose ends start the one that is declared so, by their place in `on`. */
export function startersOf(on: unknown): readonly { readonly index: number; readonly name: string }[] {
  if (!Array.isArray(on)) return [];
  return on.flatMap((trigger: unknown, index) =>
    isRecord(trigger) && typeof trigger.pipeline === 'string' ? [{ index, name: trigger.pipeline }] : [],
  );
}

/**
 * The way from `from` back to `pipeline`, both included, where each is started by the one before it; undefined where
 * there is none. `declared` are the pipelines of the same upload, which count instead of those that are stored.
 */
export async function loopThrough(
  pipelines: Pick<Pipelines, 'get'>,
  declared: ReadonlyMap<string, unknown>,
  pipeline: string,
  from: string,
): Promise<readonly string[] | undefined> {
  const seen = new Set<string>();
  let ways: (readonly string[])[] = [[from, pipeline]];
  while (ways.length > 0 && seen.size < MAXIMUM_LOOKED_AT) {
    const further: (readonly string[])[] = [];
    for (const way of ways) {
      const [first = ''] = way;
      if (first === pipeline) return way;
      if (seen.has(first)) continue;
      seen.add(first);
      const on = declared.has(first) ? declared.get(first) : onOf((await pipelines.get({ name: first }))?.definition);
      further.push(...startersOf(on).map(({ name }) => [name, ...way]));
    }
    ways = further;
  }
  return undefined;
}

const onOf = (definition: Json | undefined): unknown => (isRecord(definition) ? definition.on : undefined);
