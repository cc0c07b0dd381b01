/** `gennaker simulate`: runs a pipeline without a system, a cluster or a wait, and holds it against scripts. */
import { programRenderer } from '../../shared/adapters/programs/renderer.ts';
import { hasExpression } from '../../shared/pipeline/expressions/text.ts';
import { didYouMean } from '../../shared/pipeline/nearest.ts';
import { MAXIMUM_PIPELINE_FILE_BYTES } from '../../shared/pipeline/parse.ts';
import { type Problem, sortProblems } from '../../shared/pipeline/problem.ts';
import { isRecord, readYaml } from '../../shared/pipeline/yaml-file.ts';
import { BadPayload } from '../../shared/triggers/source.ts';
import type { Context } from '../context.ts';
import { CommandFailure, EXIT, type ExitCode, UsageError } from '../failure.ts';
import { exitCodeOf } from '../follow.ts';
import { readManifestFiles, readText } from '../pipeline-files.ts';
import { renderTimeline, renderVerdict } from '../render/timeline.ts';
import { readEventFile } from '../simulate/event-file.ts';
import { judge, type Verdict } from '../simulate/expect.ts';
import { parseScripts, type Script } from '../simulate/script.ts';
import { type Beginning, type Simulated, simulate as simulateOnce, type TemplateFile } from '../simulate/simulate.ts';
import { SimulationStuck } from '../simulate/time.ts';
import { readLibrary } from '../system/library.ts';
import { count } from '../text.ts';
import { pairs } from './run.ts';

const MAXIMUM_PIPELINE_VALUES = 20_000;

export type SimulateOptions = {
  readonly pipeline?: string;
  readonly template?: readonly string[];
  readonly event?: string;
  readonly image?: readonly string[];
  readonly input?: readonly string[];
  readonly script?: readonly string[];
};

/** One simulation and what became of it; without a script the verdict is absent. */
type Played = { readonly script?: Script; readonly simulated: Simulated; readonly verdict?: Verdict };

/** Exits with 0 when every script was met; without a script as `run --wait` does. */
export async function simulate(context: Context, file: string, options: SimulateOptions): Promise<ExitCode> {
  const given = await beginningOf(options);
  const pipelineFile = await readPipelineFile(file);
  const read = await readScripts(options.script ?? []);
  const problems = [...pipelineFile.problems, ...read.problems, ...given.problems];
  if (problems.length > 0) return tellProblems(context, problems);
  const files = await readManifestFiles(file, pipelineFile.pipelines, await context.kinds());
  const templates = await templateFiles(pipelineFile, options.template ?? []);
  const scripts: readonly (Script | undefined)[] = options.script === undefined ? [undefined] : read.scripts;
  const played: Played[] = [];
  for (const script of scripts) {
    const simulated = await play(context, pipelineFile, {
      files,
      templates,
      pipeline: nameOf(pipelineFile, options.pipeline ?? script?.pipeline),
      beginning: given.beginning ?? beginningIn(script),
      script,
    });
    const verdict = script === undefined || simulated.is === 'refused' ? undefined : judge(script, simulated);
    played.push({
      simulated,
      ...(script === undefined ? {} : { script }),
      ...(verdict === undefined ? {} : { verdict }),
    });
  }
  tell(context, played);
  return exitOf(played);
}

/** A pipeline file as it stands: what is wrong with its pipelines, the system that is simulated tells. */
type PipelineFile = {
  readonly file: string;
  readonly text: string;
  readonly pipelines: readonly { readonly [field: string]: unknown }[];
  readonly problems: readonly Problem[];
};

async function readPipelineFile(file: string): Promise<PipelineFile> {
  const text = await readText(file);
  const limits = { maximumBytes: MAXIMUM_PIPELINE_FILE_BYTES, maximumValues: MAXIMUM_PIPELINE_VALUES };
  const { documents, problems } = readYaml({ file, text, dialect: 'pipeline', limits });
  const pipelines = documents.flatMap(({ value }) => (isRecord(value) && value.pipeline !== undefined ? [value] : []));
  return { file, text, pipelines, problems };
}

/** The templates of the library that the file may use, and those that are named. */
async function templateFiles({ text }: PipelineFile, named: readonly string[]): Promise<readonly TemplateFile[]> {
  const own = await Promise.all(named.map(async (file) => ({ file, text: await readText(file) })));
  // A use is written NAME@RANGE.
  const library = [text, ...own.map((template) => template.text)].some((one) => one.includes('@'))
    ? await readLibrary()
    : [];
  return [...library.map(({ file, text: content }) => ({ file, text: content })), ...own];
}

async function play(
  context: Context,
  { file, text, pipelines }: PipelineFile,
  more: {
    readonly files: { readonly [path: string]: string };
    readonly templates: readonly TemplateFile[];
    readonly pipeline: string;
    readonly beginning: Beginning;
    readonly script: Script | undefined;
  },
): Promise<Simulated> {
  const targets = targetsOf(pipelines);
  const { signal, environment } = context.surroundings;
  try {
    const renderer = programRenderer(environment);
    return await simulateOnce({ file, text, targets, kinds: await context.kinds(), renderer, signal, ...more });
  } catch (error) {
    if (error instanceof BadPayload || error instanceof SimulationStuck) {
      throw new CommandFailure(`Could not simulate ${more.pipeline}`, { cause: error });
    }
    throw error;
  }
}

/** Every name that stands where a target is named. */
function targetsOf(pipelines: PipelineFile['pipelines']): string[] {
  const names = new Set<string>();
  const take = (value: unknown): void => {
    if (typeof value === 'string' && !hasExpression(value)) names.add(value);
    else if (Array.isArray(value)) value.forEach(take);
    else if (isRecord(value)) take(value.names);
  };
  for (const { stages } of pipelines) {
    for (const stage of isRecord(stages) ? Object.values(stages) : []) {
      if (!isRecord(stage)) continue;
      take(stage.target);
      take(stage.targets);
    }
  }
  return [...names];
}

function nameOf({ file, pipelines }: PipelineFile, asked: string | undefined): string {
  const names = pipelines.flatMap(({ pipeline }) => (typeof pipeline === 'string' ? [pipeline] : []));
  const [only = '', ...others] = names;
  if (asked === undefined) {
    if (others.length === 0) return only;
    throw new UsageError(`${file} has the pipelines ${names.join(', ')}; name one with --pipeline.`);
  }
  if (names.includes(asked)) return asked;
  const hint = didYouMean(asked, names) || `; it has ${names.join(', ')}.`;
  throw new UsageError(`${file} has no pipeline "${asked}"${hint}`);
}

/** What the command line says of the beginning. */
async function beginningOf({
  event,
  image,
  input,
}: SimulateOptions): Promise<{ readonly beginning?: Beginning; readonly problems: readonly Problem[] }> {
  const isByHand = image !== undefined || input !== undefined;
  if (event !== undefined && isByHand) {
    throw new UsageError(
      '--event says what arrives from outside, --image and --input what a person asks for: give one.',
    );
  }
  if (isByHand) {
    const images = pairs('--image', 'NAME=TAG', image);
    return { beginning: { is: 'start', images, inputs: pairs('--input', 'NAME=VALUE', input) }, problems: [] };
  }
  if (event === undefined) return { problems: [] };
  const read = readEventFile(event, await readText(event));
  return 'problems' in read ? read : { beginning: { is: 'event', event: read.event }, problems: [] };
}

function beginningIn(script: Script | undefined): Beginning {
  if (script?.event !== undefined) return { is: 'event', event: script.event };
  return { is: 'start', images: script?.start?.images ?? {}, inputs: script?.start?.inputs ?? {} };
}

async function readScripts(
  files: readonly string[],
): Promise<{ readonly scripts: readonly Script[]; readonly problems: readonly Problem[] }> {
  const scripts: Script[] = [];
  const problems: Problem[] = [];
  for (const file of files) {
    const read = parseScripts({ file, text: await readText(file) });
    if ('problems' in read) problems.push(...read.problems);
    else scripts.push(...read.scripts);
  }
  return { scripts, problems };
}

function tellProblems(context: Context, problems: readonly Problem[]): ExitCode {
  if (context.format === 'json') context.result({ simulations: [], problems }, () => []);
  else
    context.progress([
      ...sortProblems(problems).map(problemLine),
      `${count(problems.length, 'problem')}. Nothing was simulated.`,
    ]);
  return EXIT.failure;
}

function problemLine({ file, line, column, message }: Problem): string {
  return `${file}:${line}:${column}  ${message}`;
}

function tell(context: Context, played: readonly Played[]): void {
  const [only] = played;
  const isMany = played.length > 1;
  if (only?.simulated.is === 'refused' && !isMany && context.format === 'text') {
    context.progress(refusedLines(only.simulated.problems));
    return;
  }
  const lines = (): string[] => {
    const view = context.view();
    if (only === undefined) return [];
    if (!isMany) return oneInFull(only, view);
    const met = played.filter(isMet).length;
    return [...played.flatMap((one) => oneOfMany(one, view)), '', `${met} of ${count(played.length, 'script')} met`];
  };
  context.result({ simulations: played.map(described), problems: [] }, lines);
}

type View = ReturnType<Context['view']>;

function oneInFull({ script, simulated, verdict }: Played, view: View): string[] {
  const timeline =
    simulated.is === 'ran'
      ? renderTimeline(simulated, view)
      : simulated.is === 'refused'
        ? refusedLines(simulated.problems)
        : [`Not started: ${simulated.text}`];
  if (script === undefined || verdict === undefined) return timeline;
  const told = verdict.isMet
    ? [`✔ ${script.title}  as expected`]
    : ['✖ '.concat(script.title), ...renderVerdict(verdict, view)];
  return [...timeline, '', ...told];
}

function oneOfMany(one: Played, view: View): string[] {
  const { script, simulated, verdict } = one;
  const details =
    simulated.is === 'refused'
      ? refusedLines(simulated.problems)
      : verdict === undefined
        ? []
        : renderVerdict(verdict, view);
  return [`${isMet(one) ? '✔' : '✖'} ${script?.title ?? ''}`, ...details.map((line) => `    ${line}`.trimEnd())];
}

function refusedLines(problems: readonly Problem[]): string[] {
  return [...problems.map(problemLine), `${count(problems.length, 'problem')}. Nothing was simulated.`];
}

function isMet({ verdict, simulated }: Played): boolean {
  return simulated.is !== 'refused' && verdict?.isMet === true;
}

function exitOf(played: readonly Played[]): ExitCode {
  const [only] = played;
  if (only !== undefined && only.script === undefined) {
    const { simulated } = only;
    const hasEnded = simulated.is === 'ran' && simulated.execution.phase.is === 'ended';
    return hasEnded ? exitCodeOf(simulated.execution.phase.end) : EXIT.failure;
  }
  return played.every(isMet) ? EXIT.success : EXIT.failure;
}

/** The shape of `-o json`. */
function described({ script, simulated, verdict }: Played) {
  const isMetOrNull = script === undefined ? null : verdict?.isMet === true;
  const problems = simulated.is === 'refused' ? simulated.problems : (verdict?.problems ?? []);
  const common = { script: script?.file ?? null, name: script?.name ?? null, met: isMetOrNull, problems };
  if (simulated.is !== 'ran') {
    const text = simulated.is === 'not-started' ? simulated.text : null;
    return { ...common, status: simulated.is, reason: text, execution: null, timeline: [] };
  }
  const { execution, timeline } = simulated;
  return {
    ...common,
    status: execution.phase.is === 'ended' ? execution.phase.end : execution.phase.is,
    reason: execution.phase.is === 'ended' ? (execution.phase.reason?.text ?? null) : null,
    execution: { id: execution.id, pipeline: execution.pipeline, plan: execution.plan },
    timeline: timeline.map(({ atMs, stage = null, target = null, status, attempts, reason = null }) => ({
      atMs,
      stage,
      target,
      status,
      attempts,
      reason,
    })),
  };
}
