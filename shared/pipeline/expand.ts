/**
 * Makes of the declared stages those of the plan: templates become their stages, several targets several stages. Works
 * on checked definitions; what only the values of inputs can make wrong is collected as problems.
 */
import type { Json } from '../core/json.ts';
import type { StageKind } from '../stages/kind.ts';
import { type Resolved, resolveValue, UnresolvedExpression } from './expressions/resolve.ts';
import { formatPath, type Path } from './problem.ts';
import type { Definition, StageDefinition } from './schema.ts';
import {
  meaningIn,
  meaningOfResolved,
  type OutputsOf,
  outputsByTarget,
  outputsOfPlanStage,
  type Scope,
  type Target,
} from './scope.ts';
import { type SelectedTargets, selectTargets } from './targets.ts';
import { MAXIMUM_TEMPLATE_DEPTH, nameOfTemplate, type Template, type Templates, templateUse } from './template.ts';
import { resolvedProblems, templateInputs } from './template-inputs.ts';

/** A value in the words of a file, and what its expressions can reach. */
export type Scoped<T> = { readonly value: T; readonly scope: Scope };

type Policies = Pick<StageDefinition, 'timeout' | 'retry'>;

/** A stage of the plan whose own values are not resolved yet. */
export type Draft = {
  readonly id: string;
  readonly declaredAs: string;
  readonly kind: StageKind;
  readonly target: string | undefined;
  readonly needs: readonly string[];
  readonly after: readonly string[];
  /** Each parameter with the scope that it was written in. */
  readonly with: { readonly [name: string]: Scoped<Json> };
  readonly conditions: readonly Scoped<boolean | string>[];
  readonly policies: Policies;
  /** From the outermost to the innermost. */
  readonly failurePolicies: readonly NonNullable<StageDefinition['on-failure']>[];
  /** The pipeline's defaults do not hold for it. */
  readonly isProtected: boolean;
  readonly template: string | undefined;
  /** Where it is declared, for messages. */
  readonly path: Path;
};

export type Expansion = { readonly drafts: readonly Draft[]; readonly problems: readonly string[] };

type Catalogue = {
  readonly kinds: ReadonlyMap<string, StageKind>;
  readonly templates: Templates;
  /** Every target that there is; undefined where any name will do. */
  readonly targets: readonly Target[] | undefined;
  /** Targets that rest on what nobody has given yet are left out. */
  readonly isOutline: boolean;
};

type Override = NonNullable<StageDefinition['override']>[string];

/** A stage of one level, with what was said about it around the template. */
type Node = {
  readonly id: string;
  readonly stage: Omit<StageDefinition, 'insert' | 'override'> & Pick<StageDefinition, 'insert' | 'override'>;
  needs: readonly string[];
  readonly override: Scoped<Override> | undefined;
  /** Of a stage that was inserted: the scope of whoever inserted it, with what was inserted beside it. */
  readonly scope: Scope | undefined;
  readonly path: Path;
};

type Level = {
  readonly nodes: readonly Node[];
  readonly scope: Scope;
  readonly prefix: string;
  readonly suffix: string;
  /** What the first stages of the level wait for. */
  readonly entry: { readonly needs: readonly string[]; readonly after: readonly string[] };
  readonly conditions: Draft['conditions'];
  readonly failurePolicies: Draft['failurePolicies'];
  readonly template: string | undefined;
  /** The stages that whoever uses the template may not weaken. */
  readonly protected: readonly string[];
  readonly depth: number;
};

/** Expands all stages of the definition, in an order in which each stands after those that it needs. */
export function expandStages(
  definition: Pick<Definition, 'stages'>,
  scope: Omit<Scope, 'stages'>,
  catalogue: Catalogue,
): Expansion {
  const expander = new Expander(catalogue);
  expander.level({
    nodes: nodesOf(definition.stages, ['stages'], undefined),
    scope: { ...scope, stages: new Map() },
    prefix: '',
    suffix: '',
    entry: { needs: [], after: [] },
    conditions: [],
    failurePolicies: [],
    template: undefined,
    protected: [],
    depth: 0,
  });
  return { drafts: expander.drafts, problems: expander.problems };
}

function nodesOf(stages: { readonly [id: string]: Node['stage'] }, path: Path, scope: Scope | undefined): Node[] {
  return Object.entries(stages).map(([id, stage]) => ({
    id,
    stage,
    needs: stage.needs,
    override: undefined,
    scope,
    path: [...path, id],
  }));
}

/** What one declared stage came to. */
type Expanded = { readonly outputs: OutputsOf; readonly sinks: readonly string[] };

class Expander {
  readonly drafts: Draft[] = [];
  readonly problems: string[] = [];
  readonly #catalogue: Catalogue;

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  /** Returns what the stages of the level give, and the plan's stages at its end. */
  level(level: Level): { stages: ReadonlyMap<string, OutputsOf>; sinks: readonly string[] } {
    const stages = new Map<string, OutputsOf>();
    const insertedBefore = new Map<string, OutputsOf>();
    const expanded = new Map<string, Expanded>();
    const needed = new Set(level.nodes.flatMap((node) => node.needs));
    for (const node of inOrder(level.nodes)) {
      const isFirst = node.needs.length === 0;
      const needs = isFirst ? level.entry.needs : node.needs.flatMap((need) => this.#sinksOf(need, node, expanded));
      // What was inserted sees what its author can see: what is around the template, and what was inserted beside it.
      const scope =
        node.scope === undefined
          ? { ...level.scope, stages }
          : { ...node.scope, stages: new Map([...node.scope.stages, ...insertedBefore]) };
      const target = node.scope === undefined ? {} : targetOf(level.scope);
      const result = this.#node({
        level,
        node,
        scope: { ...scope, ...target },
        needs,
        after: isFirst ? level.entry.after : [],
      });
      expanded.set(node.id, result);
      stages.set(node.id, result.outputs);
      if (node.scope !== undefined) insertedBefore.set(node.id, result.outputs);
    }
    const sinks = level.nodes.filter(({ id }) => !needed.has(id)).flatMap(({ id }) => expanded.get(id)?.sinks ?? []);
    return { stages, sinks };
  }

  /** What was checked names stages only, and not in circles; a stage whose need is lost would run at once. */
  #sinksOf(need: string, node: Node, expanded: ReadonlyMap<string, Expanded>): readonly string[] {
    const found = expanded.get(need);
    if (found === undefined) {
      this.problems.push(`${formatPath(node.path)}  needs "${need}", which is no stage, or which needs it in turn`);
    }
    return found?.sinks ?? [];
  }

  #node(command: {
    level: Level;
    node: Node;
    scope: Scope;
    needs: readonly string[];
    after: readonly string[];
  }): Expanded {
    const { level, node, scope, needs, after } = command;
    const selected = this.#targets(node, scope);
    if (selected === undefined) return this.#part({ ...command, suffix: level.suffix });
    const outputs = new Map<string, OutputsOf>();
    const sinksOf: (readonly string[])[] = [];
    for (const [index, target] of selected.targets.entries()) {
      const suffix = selected.isSeveral ? `${level.suffix}-${target.name}` : level.suffix;
      // Where only some may run at a time, each waits for the one that many places before.
      const before = selected.atOnce === undefined ? [] : (sinksOf[index - selected.atOnce] ?? []);
      const waits = selected.failFast
        ? { needs: [...needs, ...before], after }
        : { needs, after: [...after, ...before] };
      const part = this.#part({ ...command, ...waits, scope: { ...scope, target }, suffix, selected });
      outputs.set(target.name, part.outputs);
      sinksOf.push(part.sinks);
    }
    const [only] = outputs.values();
    const isOne = !selected.isSeveral && only !== undefined;
    return { outputs: isOne ? only : outputsByTarget(outputs), sinks: sinksOf.flat() };
  }

  #targets(node: Node, scope: Scope): SelectedTargets | undefined {
    const { target, targets } = node.stage;
    if (target === undefined && targets === undefined) return undefined;
    const written = target === undefined ? targets : [target];
    const resolved = this.#resolve(written as Json, scope, [...node.path, target === undefined ? 'targets' : 'target']);
    if (resolved === undefined) return NO_TARGETS;
    if (resolved.isLater && this.#catalogue.isOutline) return NO_TARGETS;
    const form = target !== undefined ? 'one' : Array.isArray(targets) ? 'list' : 'open';
    const selected = selectTargets(resolved.value, this.#catalogue.targets, form);
    if ('problem' in selected) {
      this.problems.push(`${formatPath(node.path)}  ${selected.problem}`);
      return NO_TARGETS;
    }
    return selected;
  }

  #part(command: {
    level: Level;
    node: Node;
    scope: Scope;
    needs: readonly string[];
    after: readonly string[];
    suffix: string;
    selected?: SelectedTargets;
  }): Expanded {
    const { level, node, scope, needs, after, suffix, selected } = command;
    const { stage, override } = node;
    const condition = override?.value.if === undefined ? stage.if : override.value.if;
    const inScope = override?.value.if === undefined ? scope : { ...override.scope, ...targetOf(scope) };
    const conditions =
      condition === undefined ? level.conditions : [...level.conditions, { value: condition, scope: inScope }];
    const own = override?.value['on-failure'] ?? stage['on-failure'];
    const finish = selected?.failFast === false ? [{ others: 'finish' as const }] : [];
    const isProtected = node.scope === undefined && level.protected.includes(node.id);
    // That a protected stage fails counts, whatever those who use its template say.
    const around = isProtected ? level.failurePolicies.map(({ then: _then, ...rest }) => rest) : level.failurePolicies;
    const failurePolicies = [...around, ...finish, ...(own === undefined ? [] : [own])];
    const use = templateUse(stage.uses);
    if (use !== undefined) {
      return this.#template({ ...command, conditions, failurePolicies });
    }
    const kind = this.#catalogue.kinds.get(stage.uses);
    if (kind === undefined) {
      this.problems.push(`${formatPath(node.path)}  uses "${stage.uses}", which this installation does not have`);
      return { outputs: () => ({ is: 'absent' }), sinks: [] };
    }
    const target = kind.target === 'none' ? undefined : scope.target?.name;
    if (kind.target === 'required' && target === undefined) {
      this.problems.push(`${formatPath(node.path)}  uses ${stage.uses}, which needs a target`);
    }
    const id = `${level.prefix}${node.id}${suffix}`;
    this.drafts.push({
      id,
      declaredAs: `${level.prefix}${node.id}`,
      kind,
      target,
      needs: [...new Set(needs)],
      after: [...new Set(after)].filter((each) => !needs.includes(each)),
      with: parametersOf(node, scope),
      conditions,
      policies: {
        timeout: override?.value.timeout ?? stage.timeout,
        retry: override?.value.retry ?? stage.retry,
      },
      isProtected,
      failurePolicies,
      template: level.template,
      path: node.path,
    });
    return { outputs: outputsOfPlanStage(id), sinks: [id] };
  }

  #template(command: {
    level: Level;
    node: Node;
    scope: Scope;
    needs: readonly string[];
    after: readonly string[];
    suffix: string;
    conditions: Draft['conditions'];
    failurePolicies: Draft['failurePolicies'];
  }): Expanded {
    const { level, node, scope, needs, after, suffix, conditions, failurePolicies } = command;
    const nothing: Expanded = { outputs: () => ({ is: 'absent' }), sinks: [] };
    const use = templateUse(node.stage.uses);
    const found = use === undefined ? undefined : this.#catalogue.templates.find(use);
    const where = formatPath(node.path);
    if (found?.is !== 'found') {
      const why = found?.is === 'unchecked' ? 'which only the system knows' : 'of which no version is published';
      this.problems.push(`${where}  uses "${node.stage.uses}", ${why}`);
      return nothing;
    }
    if (level.depth >= MAXIMUM_TEMPLATE_DEPTH) {
      this.problems.push(`${where}  nests templates more than ${MAXIMUM_TEMPLATE_DEPTH} deep`);
      return nothing;
    }
    const { template } = found;
    const inputs = this.#inputs(node, scope, template);
    const inner: Scope = { ...scope, inputs, stages: new Map() };
    const result = this.level({
      nodes: nodesOfTemplate(template, node, scope),
      scope: inner,
      prefix: `${level.prefix}${node.id}.`,
      suffix,
      entry: { needs, after },
      conditions,
      failurePolicies,
      template: nameOfTemplate(template),
      protected: template.protected,
      depth: level.depth + 1,
    });
    const outputScope: Scope = { ...inner, stages: result.stages };
    return {
      sinks: result.sinks,
      outputs: (path) => {
        const [name, ...rest] = path;
        if (name === undefined) {
          const all = Object.entries(template.outputs).map(([each, output]) => [each, output.value]);
          return meaningOfResolved(this.#resolve(Object.fromEntries(all), outputScope, node.path) ?? NOTHING, []);
        }
        const output = Object.hasOwn(template.outputs, name) ? template.outputs[name] : undefined;
        if (output === undefined) return { is: 'absent', text: `${nameOfTemplate(template)} has no output "${name}"` };
        return meaningOfResolved(this.#resolve(output.value, outputScope, node.path) ?? NOTHING, rest);
      },
    };
  }

  /** The template's inputs as they are given, defaults filled in where everything given is known. */
  #inputs(node: Node, scope: Scope, template: Template): { [name: string]: Resolved } {
    const path = [...node.path, 'with'];
    const given = new Map<string, Resolved>();
    for (const [name, { value, scope: within }] of Object.entries(parametersOf(node, scope))) {
      const resolved = this.#resolve(value, within, [...path, name]);
      if (resolved !== undefined) given.set(name, resolved);
    }
    for (const found of resolvedProblems(given, template.inputs, path)) {
      this.problems.push(`${formatPath(found.path)}  ${found.text}`);
    }
    return templateInputs(given, template.inputs);
  }

  #resolve(value: Json, scope: Scope, path: Path): Resolved | undefined {
    try {
      return resolveValue(value, meaningIn(scope), { path });
    } catch (error) {
      if (!(error instanceof UnresolvedExpression)) throw error;
      this.problems.push(`${formatPath(error.path)}  ${error.message}`);
      return undefined;
    }
  }
}

/** The parameters of a stage, and those that replace them, each with the scope that it was written in. */
function parametersOf({ stage, override }: Node, scope: Scope): { readonly [name: string]: Scoped<Json> } {
  const own = Object.entries(stage.with).map(([name, value]) => [name, { value, scope }] as const);
  if (override === undefined) return Object.fromEntries(own);
  const around = { ...override.scope, ...targetOf(scope) };
  const replaced = Object.entries(override.value.with ?? {}).map(([name, value]) => [name, { value, scope: around }]);
  return Object.fromEntries([...own, ...replaced]);
}

const NO_TARGETS: SelectedTargets = { targets: [], isSeveral: false, atOnce: undefined, failFast: true };

const NOTHING: Resolved = { value: null, isLater: false };

function targetOf({ target }: Scope): Pick<Scope, 'target'> {
  return target === undefined ? {} : { target };
}

/** The template's stages with what the pipeline inserts at its places and changes in them. */
function nodesOfTemplate(template: Template, user: Node, scope: Scope): Node[] {
  const overrides = user.stage.override ?? {};
  const path = [...user.path, nameOfTemplate(template), 'stages'];
  let nodes: Node[] = nodesOf(template.stages, path, undefined).map((node) => {
    const value = Object.hasOwn(overrides, node.id) ? overrides[node.id] : undefined;
    return value === undefined ? node : { ...node, override: { value, scope } };
  });
  const places = Object.entries(user.stage.insert ?? {}).flatMap(([place, stages]) => {
    const at = Object.hasOwn(template.places, place) ? template.places[place] : undefined;
    return at === undefined ? [] : [{ at, added: nodesOf(stages, [...user.path, 'insert', place], scope) }];
  });
  // What is replaced goes last: until then other places can still name it.
  const lasts = (each: (typeof places)[number]): boolean => 'replace' in each.at;
  for (const { at, added } of [...places.filter((each) => !lasts(each)), ...places.filter(lasts)]) {
    nodes = inserted(nodes, at, added);
  }
  return nodes;
}

function inserted(nodes: readonly Node[], at: Template['places'][string], added: readonly Node[]): Node[] {
  if (added.length === 0) return [...nodes];
  const ids = new Set(added.map(({ id }) => id));
  const neededInside = new Set(added.flatMap(({ needs }) => needs));
  const sinks = [...ids].filter((id) => !neededInside.has(id));
  const startingFrom = (needs: readonly string[]): Node[] =>
    added.map((node) => (node.needs.length === 0 ? { ...node, needs } : node));
  const instead = (id: string): Node[] =>
    nodes.map((node) =>
      node.needs.includes(id) ? { ...node, needs: [...node.needs.filter((need) => need !== id), ...sinks] } : node,
    );
  if ('before' in at) {
    const needs = nodes.find(({ id }) => id === at.before)?.needs ?? [];
    return [...startingFrom(needs), ...nodes.map((node) => (node.id === at.before ? { ...node, needs: sinks } : node))];
  }
  if ('after' in at) return [...instead(at.after), ...startingFrom([at.after])];
  const needs = nodes.find(({ id }) => id === at.replace)?.needs ?? [];
  return [...instead(at.replace).filter(({ id }) => id !== at.replace), ...startingFrom(needs)];
}

/** Every node after those that it needs, otherwise as declared; needs that name nothing were refused before. */
function inOrder(nodes: readonly Node[]): readonly Node[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const ordered: Node[] = [];
  const seen = new Set<string>();
  const visit = (node: Node): void => {
    if (seen.has(node.id)) return;
    seen.add(node.id);
    for (const need of node.needs) {
      const before = byId.get(need);
      if (before !== undefined) visit(before);
    }
    ordered.push(node);
  };
  for (const node of nodes) visit(node);
  return ordered;
}
