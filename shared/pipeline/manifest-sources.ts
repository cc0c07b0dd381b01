/** Where a plan's manifests come from: one source for all targets, or one for each where it names the target. */
import type { Json } from '../core/json.ts';
import type { CompileCommand } from './compile.ts';
import { expandStages } from './expand.ts';
import { newBudget } from './expressions/cost.ts';
import { parseExpression } from './expressions/syntax.ts';
import { hasExpression, partsOf } from './expressions/text.ts';
import type { Target } from './scope.ts';
import { resolved, scopeOf } from './settle.ts';

export type ManifestSources = { readonly shared: Json } | { readonly byTarget: ReadonlyMap<string, Json> };

/** The value of `manifests:` with its expressions resolved. Throws CannotSettle. */
export function manifestSources(command: CompileCommand): ManifestSources {
  const { definition, kinds, templates, targets, images, trigger } = command;
  const { pipeline, team, namespace, manifests } = definition;
  const surroundings = { pipeline: { name: pipeline, team, namespace }, images, trigger, budget: newBudget() };
  const scope = scopeOf(definition, surroundings);
  if (!namesTarget(manifests)) return { shared: resolved(manifests, scope, ['manifests']) };
  const { drafts } = expandStages(definition, scope, { kinds, templates, targets, isOutline: false });
  const used = new Set(drafts.flatMap(({ target }) => (target === undefined ? [] : [target])));
  const byTarget = new Map<string, Json>();
  for (const name of used) {
    const target: Target = targets?.find((known) => known.name === name) ?? { name, labels: {} };
    byTarget.set(name, resolved(manifests, { ...scope, target }, ['manifests']));
  }
  return { byTarget };
}

function namesTarget(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.values(value).some(namesTarget);
  if (typeof value !== 'string' || !hasExpression(value)) return false;
  const found = partsOf(value);
  if ('unclosed' in found) return false;
  return found.parts.some(
    (part) => part.is === 'expression' && parseExpression(part.source).references.some(({ root }) => root === 'target'),
  );
}
