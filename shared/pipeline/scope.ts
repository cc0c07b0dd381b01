/** What expressions can reach at one place of a pipeline, and what each reference stands for there. */
import type { Json, JsonObject } from '../core/json.ts';
import type { PinnedImage } from '../core/plan.ts';
import { pinnedReference } from '../kubernetes/images.ts';
import type { Budget } from './expressions/cost.ts';
import { indexes, textOfReference } from './expressions/evaluate.ts';
import {
  celOfResolved,
  combine,
  holdsExpression,
  type Meaning,
  type MeaningOf,
  partAt,
  type Resolved,
} from './expressions/resolve.ts';
import type { Reference } from './expressions/syntax.ts';
import { hasExpression } from './expressions/text.ts';
import { bracketed, celOf, celText } from './expressions/write.ts';
import { didYouMean } from './nearest.ts';

/** A target as the installation knows it. */
export type Target = { readonly name: string; readonly labels: { readonly [label: string]: string } };

/** What is the same everywhere in one pipeline. */
export type Surroundings = {
  readonly pipeline: { readonly name: string; readonly team: string; readonly namespace: string };
  readonly images: { readonly [name: string]: PinnedImage };
  /** What started the execution, as it is recorded; undefined where nothing has, and any of it may come. */
  readonly trigger: JsonObject | undefined;
  /** What all expressions of one plan may cost together. */
  readonly budget: Budget;
};

/** What a stage that comes before gives: the part of its outputs under the path. */
export type OutputsOf = (path: readonly string[]) => Meaning;

export type Scope = {
  readonly surroundings: Surroundings;
  /** Resolved as far as is known; those of a template may hold expressions of the pipeline around it. */
  readonly inputs: { readonly [name: string]: Resolved };
  readonly stages: ReadonlyMap<string, OutputsOf>;
  readonly target?: Target;
};

/** Tells what references stand for in the scope. */
export function meaningIn(scope: Scope): MeaningOf {
  return (reference) => {
    switch (reference.root) {
      case 'inputs':
        return ofInputs(scope, reference);
      case 'stages':
        return ofStages(scope, reference);
      case 'execution':
        return { is: 'later', cel: textOfReference(reference) };
      case 'target': {
        if (scope.target === undefined) return { is: 'absent', text: 'there is no target here: the stage has none' };
        return part({ name: scope.target.name, labels: scope.target.labels }, reference);
      }
      case 'pipeline':
        return part(scope.surroundings.pipeline, reference);
      case 'trigger': {
        const { trigger } = scope.surroundings;
        return trigger === undefined ? { is: 'later', cel: textOfReference(reference) } : part(trigger, reference);
      }
      case 'images': {
        const pinned = Object.entries(scope.surroundings.images).map(([name, image]) => [name, pinnedReference(image)]);
        return part(Object.fromEntries(pinned), reference);
      }
      case 'data':
      case 'attributes':
      case 'headers':
      case 'status':
      case 'body':
        return { is: 'absent' };
    }
  };
}

function part(value: Json, { path }: Reference): Meaning {
  const found = partAt(value, path);
  return found === undefined ? { is: 'absent' } : { is: 'known', value: found };
}

function ofInputs({ inputs }: Scope, { path }: Reference): Meaning {
  const [name, ...rest] = path;
  if (name === undefined) {
    return meaningOfResolved(combine(Object.entries(inputs)), []);
  }
  const input = Object.hasOwn(inputs, name) ? inputs[name] : undefined;
  if (input !== undefined) return meaningOfResolved(input, rest);
  return { is: 'absent', text: `there is no input "${name}"${didYouMean(name, Object.keys(inputs))}` };
}

function ofStages({ stages }: Scope, { path }: Reference): Meaning {
  const [id, ...rest] = path;
  const outputs = id === undefined ? undefined : stages.get(id);
  if (outputs !== undefined) return outputs(rest);
  return { is: 'absent', text: `no stage "${id ?? ''}" comes before${didYouMean(id ?? '', [...stages.keys()])}` };
}

/** The part of a resolved value: known where no expression is in it. */
export function meaningOfResolved({ value, isLater }: Resolved, path: readonly string[]): Meaning {
  if (!isLater) {
    const found = partAt(value, path);
    return found === undefined ? { is: 'absent' } : { is: 'known', value: found };
  }
  let current: Json = value;
  for (const [index, name] of path.entries()) {
    // An expression whose value has the rest of the path.
    if (hasExpression(current))
      return { is: 'later', cel: `${bracketed(celOfResolved(current))}${indexes(path.slice(index))}` };
    const next = partAt(current, [name]);
    if (next === undefined) return { is: 'absent' };
    current = next;
  }
  return holdsExpression(current) ? { is: 'later', cel: celOfResolved(current) } : { is: 'known', value: current };
}

/** Outputs of the stage of this id in the plan. */
export function outputsOfPlanStage(planStage: string): OutputsOf {
  return (path) => ({ is: 'later', cel: `stages[${celText(planStage)}]${indexes(path)}` });
}

/** Outputs by target, of a stage that has several. */
export function outputsByTarget(byTarget: ReadonlyMap<string, OutputsOf>): OutputsOf {
  return ([target, ...rest]) => {
    if (target === undefined) {
      const all = [...byTarget].map(([name, outputs]): [string, Meaning] => [name, outputs([])]);
      return {
        is: 'later',
        cel: `{${all.map(([name, meaning]) => `${celText(name)}: ${celOfMeaning(meaning)}`).join(', ')}}`,
      };
    }
    const outputs = byTarget.get(target);
    if (outputs !== undefined) return outputs(rest);
    const names = [...byTarget.keys()];
    const hint = didYouMean(target, names) || `; it runs on ${names.join(', ')}`;
    return { is: 'absent', text: `the stage has no target "${target}"${hint}` };
  };
}

function celOfMeaning(meaning: Meaning): string {
  if (meaning.is === 'later') return meaning.cel;
  return meaning.is === 'known' ? celOf(meaning.value) : 'null';
}
