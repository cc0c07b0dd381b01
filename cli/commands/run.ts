/** `gennaker run` and `gennaker restart`: start an execution, and say what came of it. */
import { randomUUID } from 'node:crypto';
import type { PlanReport } from '../../shared/use-cases/plan-pipelines.ts';
import type { Api, Requested } from '../api.ts';
import { type Context, currentUser } from '../context.ts';
import { EXIT, type ExitCode, UsageError } from '../failure.ts';
import { exitCodeOf, followInLines, followOnScreen } from '../follow.ts';
import { renderOutline, renderPlan } from '../render/plan.ts';
import { awaitStart, verdictLines } from '../requests.ts';

export type RunOptions = {
  readonly image?: readonly string[];
  readonly input?: readonly string[];
  readonly wait?: boolean;
  readonly dryRun?: boolean;
};

export async function run(context: Context, pipeline: string, options: RunOptions): Promise<ExitCode> {
  if (options.dryRun === true && options.wait === true) {
    throw new UsageError('--dry-run starts nothing to wait for; leave --wait out.');
  }
  const request = {
    images: pairs('--image', 'NAME=TAG', options.image),
    inputs: pairs('--input', 'NAME=VALUE', options.input),
    by: currentUser(),
  };
  const api = await context.api();
  if (options.dryRun === true) return tellDryRun(context, await api.dryRun(pipeline, request));
  const requested = await api.start(pipeline, { ...request, requestId: randomUUID() });
  return tellStart(context, api, requested, options.wait === true);
}

/** What would start: its stages, and what they would change. Fails where nothing could. */
function tellDryRun(context: Context, report: PlanReport): ExitCode {
  const view = context.view();
  context.result(report, () =>
    report.pipelines.flatMap((plan) => [
      ...renderOutline(plan, view),
      ...(plan.unplanned === null ? ['', ...renderPlan({ pipelines: [plan] }, view)] : []),
      '',
      'Nothing was started.',
    ]),
  );
  return report.pipelines.every(({ unplanned }) => unplanned === null) ? EXIT.success : EXIT.failure;
}

export async function restart(
  context: Context,
  id: string,
  options: { wait?: boolean; newest?: boolean },
): Promise<ExitCode> {
  const api = await context.api();
  const newest = options.newest === true;
  const requested = await api.restart((await api.execution(id)).id, { by: currentUser(), ...(newest && { newest }) });
  if (newest) context.surroundings.stderr.write(`Restarted ${requested.text}.\n`);
  return tellStart(context, api, requested, options.wait === true);
}

/** `NAME=VALUE` arguments as an object. Throws UsageError for anything else, and for a name that is given twice. */
export function pairs(option: string, shape: string, texts: readonly string[] = []): { [name: string]: string } {
  const found = new Map<string, string>();
  for (const text of texts) {
    const equals = text.indexOf('=');
    if (equals < 1 || equals === text.length - 1) {
      throw new UsageError(`${option} takes ${shape}, not "${text}".`);
    }
    const name = text.slice(0, equals);
    if (found.has(name)) {
      throw new UsageError(`${option} gives ${name} twice.`);
    }
    found.set(name, text.slice(equals + 1));
  }
  return Object.fromEntries(found);
}

async function tellStart(context: Context, api: Api, requested: Requested, wait: boolean): Promise<ExitCode> {
  const entry = await awaitStart(context, api, requested);
  const { stdout, stderr } = context.surroundings;
  if (!wait) {
    context.result({ ...requested, verdicts: entry.verdicts }, () =>
      verdictLines(entry.verdicts, context.view().width),
    );
    return EXIT.success;
  }
  if (context.format === 'json') {
    const end = await followInLines(context, api, requested.execution, stderr);
    context.result(end, () => []);
    return exitCodeOf(end.status);
  }
  const end =
    stdout.isTTY === true
      ? await followOnScreen(context, api, requested.execution)
      : await followInLines(context, api, requested.execution, stdout);
  return end === undefined ? EXIT.failure : exitCodeOf(end.status);
}
