/** `gennaker logs`: everything that happened in an execution, in order. */
import { didYouMean } from '../../shared/pipeline/nearest.ts';
import type { ExecutionDetail, TransitionDescription } from '../../shared/use-cases/describe-execution.ts';
import { glyphOf } from '../../shared/use-cases/phrases.ts';
import { latestId } from '../api.ts';
import type { Context } from '../context.ts';
import { CommandFailure } from '../failure.ts';
import { withShortIds } from '../render/execution.ts';

export async function logs(context: Context, id: string | undefined, options: { stage?: string }): Promise<void> {
  const api = await context.api();
  const detail = await api.execution(id ?? (await latestId(api)));
  const stages = stagesNamed(detail, options.stage);
  const history = await api.history(detail.id);
  const items = history.items.filter(
    ({ stage }) => options.stage === undefined || (stage !== undefined && stages.has(stage)),
  );
  context.result({ items }, () => logLines(detail, items, stages));
}

/** The transitions, a line each, and after them what the running stages show of their work. */
export function logLines(
  detail: ExecutionDetail,
  transitions: readonly TransitionDescription[],
  stages: ReadonlySet<string>,
): string[] {
  const lines = transitions.map((transition) => {
    const subject = transition.stage ?? detail.pipeline;
    const why = transition.reason === undefined ? '' : `: ${transition.reason.text}`;
    return `${transition.at}  ${glyphOf(transition.status)} ${subject} ${wordOf(transition)}${why}`;
  });
  const progress = detail.stages
    .filter(({ id }) => stages.has(id))
    .flatMap(({ id, progress }) => progress.map((line) => `now  ${id}  ${line}`));
  const all = [...lines, ...progress].map((line) => withShortIds(line, detail));
  return all.length === 0 ? ['Nothing has happened yet.'] : all;
}

function wordOf(transition: TransitionDescription): string {
  return transition.is === 'stopping'
    ? 'is being stopped'
    : transition.is === 'started'
      ? 'started'
      : transition.status;
}

function stagesNamed(detail: ExecutionDetail, name: string | undefined): ReadonlySet<string> {
  const named = detail.stages.filter(({ id, declaredAs }) => name === undefined || id === name || declaredAs === name);
  if (name !== undefined && named.length === 0) {
    const known = detail.stages.flatMap(({ id, declaredAs }) => [id, declaredAs]);
    throw new CommandFailure(`${detail.pipeline} has no stage "${name}"${didYouMean(name, known) || '.'}`);
  }
  return new Set(named.map(({ id }) => id));
}
