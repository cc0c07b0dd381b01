/** Resolves, just before a step, what of a stage's parameters only the running execution can tell. */
import { type IndexedPlan, stagePlanOf } from '../core/execution.ts';
import type { Json } from '../core/json.ts';
import type { StagePlan } from '../core/plan.ts';
import type { Reason } from '../core/reason.ts';
import type { Run } from '../core/run.ts';
import { type MeaningOf, partAt, resolveValue, UnresolvedExpression } from '../pipeline/expressions/resolve.ts';
import { parseExpression } from '../pipeline/expressions/syntax.ts';
import { hasExpression, partsOf } from '../pipeline/expressions/text.ts';
import type { ExecutionStore } from '../ports/execution-store.ts';

/** Stages whose outputs one stage can refer to. */
const MAXIMUM_STAGES = 100;

export type StageParameters =
  | { readonly is: 'run'; readonly parameters: Json }
  /** The stage's condition gave false. */
  | { readonly is: 'skip'; readonly reason: Reason }
  /** An expression gives nothing that can be used; no retry helps. */
  | { readonly is: 'unusable'; readonly reason: Reason };

/** Reads one document for each stage that the expressions refer to, and none where there are no expressions. */
export async function stageParameters(
  ports: { readonly executions: Pick<ExecutionStore, 'readRun'> },
  indexed: IndexedPlan,
  run: Run,
): Promise<StageParameters> {
  const stage = stagePlanOf(indexed, run.stage);
  if (stage === undefined) throw new TypeError(`the plan has no stage ${run.stage}`);
  const isFirst = run.doing === 'forward' && run.step === 1;
  const condition = isFirst ? stage.if : undefined;
  if (stage.isDynamic !== true && condition === undefined) return { is: 'run', parameters: stage.with };
  try {
    return await resolve(ports, run, stage, condition);
  } catch (error) {
    if (!(error instanceof UnresolvedExpression)) throw error;
    return { is: 'unusable', reason: { code: 'invalid-parameters', text: `${error.message}.` } };
  }
}

async function resolve(
  ports: { readonly executions: Pick<ExecutionStore, 'readRun'> },
  run: Run,
  stage: StagePlan,
  condition: string | undefined,
): Promise<StageParameters> {
  const dynamic = stage.isDynamic === true ? stage.with : null;
  const named = [...stagesNamed([dynamic, condition ?? null])];
  if (named.length > MAXIMUM_STAGES) {
    const text = `Its parameters name the outputs of ${named.length} stages; at most ${MAXIMUM_STAGES} can be read.`;
    return { is: 'unusable', reason: { code: 'invalid-parameters', text } };
  }
  const found = await Promise.all(named.map((id) => ports.executions.readRun({ execution: run.execution, stage: id })));
  const ends = new Map<string, Run['state']>();
  for (const [index, id] of named.entries()) {
    const state = found[index]?.value.state;
    if (state !== undefined) ends.set(id, state);
  }
  const meaningOf = meaningIn(run.execution, ends);
  if (condition !== undefined) {
    const { value } = resolveValue(condition, meaningOf, { isResolved: true, path: ['if'] });
    if (value === false) {
      return { is: 'skip', reason: { code: 'condition-false', text: `Its condition is false: ${condition}` } };
    }
    if (value !== true) {
      const text = `Its condition gives ${JSON.stringify(value)}; a condition gives true or false: ${condition}`;
      return { is: 'unusable', reason: { code: 'invalid-parameters', text } };
    }
  }
  if (stage.isDynamic !== true) return { is: 'run', parameters: stage.with };
  return { is: 'run', parameters: resolveValue(stage.with, meaningOf, { isResolved: true, path: ['with'] }).value };
}

function meaningIn(execution: string, ends: ReadonlyMap<string, Run['state']>): MeaningOf {
  return ({ root, path }) => {
    if (root === 'execution') {
      const value = partAt({ id: execution }, path);
      return value === undefined ? { is: 'absent' } : { is: 'known', value };
    }
    const [id = '', ...rest] = path;
    const state = root === 'stages' ? ends.get(id) : undefined;
    const value = state?.is === 'ended' ? partAt(state.outputs, rest) : undefined;
    if (value !== undefined) return { is: 'known', value };
    return { is: 'absent', text: whyAbsent(id, rest, state) };
  };
}

function whyAbsent(id: string, path: readonly string[], state: Run['state'] | undefined): string {
  if (state?.is !== 'ended') return `stage ${id} did not run, so it has no outputs`;
  if (state.end !== 'succeeded') return `stage ${id} was ${state.end}, so it has no outputs`;
  return `stage ${id} gave no ${path.join('.')}`;
}

/** The ids of the plan's stages that expressions in the value name. */
function stagesNamed(value: Json): Set<string> {
  const named = new Set<string>();
  const visit = (part: Json | undefined): void => {
    if (typeof part === 'object' && part !== null) {
      for (const each of Object.values(part)) visit(each);
      return;
    }
    if (typeof part !== 'string' || !hasExpression(part)) return;
    const found = partsOf(part);
    for (const piece of 'parts' in found ? found.parts : []) {
      if (piece.is === 'text') continue;
      for (const { root, path } of parseExpression(piece.source, true).references) {
        const [id] = path;
        if (root === 'stages' && id !== undefined) named.add(id);
      }
    }
  };
  visit(value);
  return named;
}
