/** Stages as a file has them, faults included, so that everything wrong can be told at once. */
import type { Finding } from './issues.ts';
import type { Path } from './problem.ts';
import { isRecord } from './yaml-file.ts';

const MAXIMUM_CYCLES = 20;

export type RawStage = {
  readonly id: string;
  readonly path: Path;
  readonly raw: { readonly [key: string]: unknown };
};

export function rawStagesOf(stages: unknown, path: Path): RawStage[] {
  return Object.entries(isRecord(stages) ? stages : {}).flatMap(([id, raw]): RawStage[] =>
    isRecord(raw) ? [{ id, path: [...path, id], raw }] : [],
  );
}

/** What the stage says that it needs, each with its place. */
export function needsOf(stage: RawStage): { id: string; path: Path }[] {
  const needs = stage.raw.needs;
  const path = [...stage.path, 'needs'];
  if (typeof needs === 'string') return [{ id: needs, path }];
  if (!Array.isArray(needs)) return [];
  return needs.flatMap((id: unknown, index) => (typeof id === 'string' ? [{ id, path: [...path, index] }] : []));
}

/** By stage, all stages that come before it. */
export function stagesBefore(stages: readonly RawStage[]): ReadonlyMap<string, ReadonlySet<string>> {
  const byId = new Map(stages.map((stage) => [stage.id, stage]));
  const before = new Map<string, Set<string>>();
  const visit = (stage: RawStage): Set<string> => {
    const known = before.get(stage.id);
    if (known !== undefined) return known;
    const all = new Set<string>();
    // Set first: a cycle, which is told elsewhere, ends here.
    before.set(stage.id, all);
    for (const { id } of needsOf(stage)) {
      const need = byId.get(id);
      if (need === undefined) continue;
      all.add(id);
      for (const earlier of visit(need)) all.add(earlier);
    }
    return all;
  };
  for (const stage of stages) visit(stage);
  return before;
}

/** The stages that a stage inserts into its template, by place. */
export function insertedStages(stage: RawStage): { place: string; path: Path; stages: RawStage[] }[] {
  const places = isRecord(stage.raw.insert) ? stage.raw.insert : {};
  return Object.entries(places).map(([place, stages]) => {
    const path = [...stage.path, 'insert', place];
    return { place, path, stages: rawStagesOf(stages, path) };
  });
}

/** Each cycle once, told at the `needs` of the stage that closes it. */
export function cycleFindings(stages: readonly RawStage[]): Finding[] {
  const byId = new Map(stages.map((stage) => [stage.id, stage]));
  const state = new Map<string, 'open' | 'done'>();
  const found: Finding[] = [];
  const trail: string[] = [];
  const visit = (stage: RawStage): void => {
    state.set(stage.id, 'open');
    trail.push(stage.id);
    for (const need of needsOf(stage)) {
      const next = byId.get(need.id);
      if (next === undefined || found.length >= MAXIMUM_CYCLES) continue;
      if (state.get(next.id) === undefined) visit(next);
      else if (state.get(next.id) === 'open') {
        const cycle = [...trail.slice(trail.indexOf(next.id)), next.id];
        found.push({ path: need.path, at: 'value', sentence: `closes a cycle: ${cycle.join(' needs ')}` });
      }
    }
    trail.pop();
    state.set(stage.id, 'done');
  };
  for (const stage of stages) if (state.get(stage.id) === undefined) visit(stage);
  return found;
}
