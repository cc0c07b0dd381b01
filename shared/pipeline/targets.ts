/** Which targets a stage runs on: by name, or by the labels that a target has. */
import { z } from 'zod';
import { matchesGlob } from './glob.ts';
import { didYouMean } from './nearest.ts';
import type { Target } from './scope.ts';

export type SelectedTargets = {
  readonly targets: readonly Target[];
  /** Whether the stages carry the target in their ids; a single target that was named does not need it. */
  readonly isSeveral: boolean;
  /** How many run at a time; undefined means all. */
  readonly atOnce: number | undefined;
  readonly failFast: boolean;
};

/** What is left of `target` or `targets` once its expressions are resolved. */
const written = z.union([
  z.array(z.string()),
  z.strictObject({
    names: z.array(z.string()).optional(),
    labels: z.record(z.string(), z.string()).optional(),
    'max-parallel': z.int().optional(),
    'fail-fast': z.boolean().optional(),
  }),
]);

/**
 * `known` undefined takes any name. A list that is written out carries its targets in the ids of the stages where it
 * has several; what is known only later always does, so that ids and outputs have one shape.
 */
export function selectTargets(
  value: unknown,
  known: readonly Target[] | undefined,
  form: 'one' | 'list' | 'open',
): SelectedTargets | { readonly problem: string } {
  const parsed = written.safeParse(value);
  if (!parsed.success) return { problem: `its targets must be names of targets, not ${JSON.stringify(value)}` };
  const { data } = parsed;
  if (Array.isArray(data)) {
    return named(data, known, (targets) => ({
      targets,
      isSeveral: form === 'open' || (form === 'list' && targets.length > 1),
      atOnce: undefined,
      failFast: true,
    }));
  }
  const rest = { atOnce: data['max-parallel'], failFast: data['fail-fast'] ?? true };
  const { labels } = data;
  if (labels === undefined) {
    return named(data.names ?? [], known, (targets) => ({ targets, isSeveral: true, ...rest }));
  }
  const all = { targets: known ?? [], isSeveral: true, ...rest };
  const candidates = data.names === undefined ? all : named(data.names, known, (targets) => ({ ...all, targets }));
  if ('problem' in candidates) return candidates;
  const targets = candidates.targets.filter((target) => hasLabels(target, labels));
  if (targets.length > 0) return { targets, isSeveral: true, ...rest };
  const text = Object.entries(labels).map(([label, pattern]) => `${label}: ${pattern}`);
  return { problem: `no target has the labels { ${text.join(', ')} }${describe(known ?? [])}` };
}

function named(
  names: readonly string[],
  known: readonly Target[] | undefined,
  select: (targets: readonly Target[]) => SelectedTargets,
): SelectedTargets | { readonly problem: string } {
  if (names.length === 0) return { problem: 'has no targets; at least one must be named' };
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) return { problem: `names the target "${twice}" twice` };
  const targets: Target[] = [];
  for (const name of names) {
    const target = known === undefined ? { name, labels: {} } : known.find((each) => each.name === name);
    if (target === undefined) {
      const others = (known ?? []).map((each) => each.name);
      return {
        problem: `no target is called "${name}"${didYouMean(name, others) || `; there are ${others.join(', ')}`}`,
      };
    }
    targets.push(target);
  }
  return select(targets);
}

function hasLabels(target: Target, labels: { readonly [label: string]: string }): boolean {
  return Object.entries(labels).every(([label, pattern]) => {
    const value = Object.hasOwn(target.labels, label) ? target.labels[label] : undefined;
    return value !== undefined && matchesGlob(pattern, value);
  });
}

function describe(known: readonly Target[]): string {
  const all = known.map(({ name, labels }) => {
    const text = Object.entries(labels).map(([label, value]) => `${label}: ${value}`);
    return `${name} { ${text.join(', ')} }`;
  });
  return all.length === 0 ? '' : `; there are ${all.join(', ')}`;
}
