/** `gennaker plan`: what pipeline files would change, of the pipelines and of what runs, before anything does. */
import { readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { pinnedReference } from '../../shared/kubernetes/images.ts';
import { templatesOf } from '../../shared/pipeline/template.ts';
import type { TeamUpload } from '../../shared/use-cases/check-pipelines.ts';
import { type PlanBasis, planBasis } from '../../shared/use-cases/plan-basis.ts';
import type { PlanReport } from '../../shared/use-cases/plan-pipelines.ts';
import { ApiRefused } from '../api.ts';
import { type Context, currentUser } from '../context.ts';
import { CommandFailure, EXIT, type ExitCode, UsageError } from '../failure.ts';
import { readManifestFiles, readPipelineFiles } from '../pipeline-files.ts';
import { changesIn, renderOutline, renderPlan } from '../render/plan.ts';
import { applyEach, describeFile, tellProblems } from './apply.ts';
import { findEvent } from './events.ts';
import { outlineOf } from './outline.ts';
import { pairs } from './run.ts';

export type PlanOptions = {
  readonly image?: readonly string[];
  readonly input?: readonly string[];
  readonly trigger?: string;
  readonly out?: string;
  readonly offline?: boolean;
  readonly exitCode?: boolean;
};

const DEFAULT_FILE = 'gennaker.yaml';
const MAXIMUM_PLAN_FILE_BYTES = 64 * 1024 * 1024;

export async function plan(context: Context, given: readonly string[], options: PlanOptions): Promise<ExitCode> {
  requireFitting(options);
  const files = given.length === 0 ? [DEFAULT_FILE] : given;
  const kinds = await context.kinds();
  const read = await readPipelineFiles(files, kinds);
  const problems = read.flatMap((file) => file.problems);
  if (problems.length > 0) return tellProblems(context, problems, []);
  if (read.every(({ pipelines }) => pipelines.length === 0)) {
    throw new CommandFailure(`${files.join(', ')} has no pipeline. A template: gennaker templates impact FILE`);
  }
  const uploads = await Promise.all(
    read.map(async ({ file, text, pipelines }) => ({
      file,
      text,
      files: await readManifestFiles(file, pipelines, kinds),
    })),
  );
  if (options.offline === true) {
    const outlines = read.flatMap(({ pipelines, templates }) =>
      pipelines.map((definition) => outlineOf(definition, templatesOf(templates), kinds, context.view().now)),
    );
    context.result({ pipelines: outlines }, () => [
      ...read.map(describeFile),
      ...outlines.flatMap((outline) => ['', ...renderOutline(outline, context.view())]),
    ]);
    return EXIT.success;
  }
  const images = pairs('--image', 'NAME=REF', options.image);
  const inputs = pairs('--input', 'NAME=VALUE', options.input);
  const api = await context.api();
  const event = options.trigger === undefined ? {} : { event: (await findEvent(context, options.trigger)).id };
  const plans: SavedPlan['plans'] = [];
  for (const upload of uploads) {
    try {
      const report = await api.plan({ ...upload, images, inputs, ...event, by: currentUser() });
      plans.push({ upload, report });
    } catch (error) {
      if (error instanceof ApiRefused && error.problems.length > 0) return tellProblems(context, error.problems, []);
      throw error;
    }
  }
  const reports = plans.map(({ report }) => report);
  if (options.out !== undefined) await save(options.out, plans);
  context.result({ pipelines: reports.flatMap(({ pipelines }) => pipelines) }, () => [
    ...reports.flatMap((report) => renderPlan(report, context.view())),
    ...wayOn(reports, files, options.out),
  ]);
  return options.exitCode === true ? exitCodeOf(reports) : EXIT.success;
}

/** Applies a saved plan, or says what has changed since it was made. */
export async function applySaved(context: Context, path: string): Promise<ExitCode> {
  const { plans } = await readSaved(path);
  const api = await context.api();
  const [first] = plans.flatMap(({ report }) => report.pipelines);
  return applyEach(
    context,
    plans.map(({ upload, report: { request, pipelines } }) => {
      const bases = pipelines.map(({ basis }) => basis);
      return () => api.applyPlan({ ...upload, request, bases, by: currentUser() });
    }),
    first === undefined ? undefined : runCommand(first.basis),
  );
}

/** What to type next: what was planned, and nothing newer. */
function wayOn(reports: readonly PlanReport[], files: readonly string[], out: string | undefined): string[] {
  if (out !== undefined) return ['', `Saved. Apply exactly this:  gennaker apply --plan ${out}`];
  const pipelines = reports.flatMap((report) => report.pipelines);
  if (pipelines.some(({ change }) => change !== 'unchanged'))
    return ['', `Apply it:  gennaker apply ${files.join(' ')}`];
  const runnable = pipelines.find(({ targets, basis }) => basis.plan !== null && changesIn(targets) > 0);
  return runnable === undefined ? [] : ['', `Run it:  ${runCommand(runnable.basis)}`];
}

/** Runs exactly what was planned, whatever the tags name by then. */
function runCommand({ pipeline, images, inputs }: PlanBasis): string {
  const chosen = Object.entries(images).map(([name, image]) => ` --image ${name}=${pinnedReference(image)}`);
  const given = Object.entries(inputs).map(([name, value]) => ` --input ${quoted(`${name}=${textOf(value)}`)}`);
  return `gennaker run ${pipeline}${chosen.join('')}${given.join('')}`;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** As a shell takes it for one word. */
function quoted(word: string): string {
  return /^[\w.,:/@=+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function requireFitting({ offline, trigger, image, input, out, exitCode }: PlanOptions): void {
  if (trigger !== undefined && (image ?? input) !== undefined) {
    throw new UsageError('--trigger takes images and inputs from the event; leave --image and --input out.');
  }
  const online = { '--trigger': trigger, '--image': image, '--input': input, '--out': out, '--exit-code': exitCode };
  const [needless] = Object.entries(online).filter(([, value]) => value !== undefined);
  if (offline === true && needless !== undefined) {
    throw new UsageError(`${needless[0]} needs a running system; leave --offline out.`);
  }
}

/** A cluster that could not be asked may hold anything, so that "no changes" cannot be said of it. */
function exitCodeOf(reports: readonly PlanReport[]): ExitCode {
  const pipelines = reports.flatMap((report) => report.pipelines);
  if (pipelines.some((each) => each.change !== 'unchanged' || changesIn(each.targets) > 0)) return EXIT.changes;
  const isKnown = pipelines.every(({ unplanned, targets }) => {
    return unplanned === null && targets.every(({ is }) => is === 'compared');
  });
  return isKnown ? EXIT.success : EXIT.failure;
}

type SavedPlan = { plans: { upload: TeamUpload; report: PlanReport }[] };

/** What is read back; what people are shown of a plan is saved beside it and not needed again. */
const savedPlan = z.object({
  format: z.literal(1),
  plans: z
    .array(
      z.object({
        upload: z.strictObject({ file: z.string(), text: z.string(), files: z.record(z.string(), z.string()) }),
        report: z.object({
          request: z.strictObject({
            images: z.record(z.string(), z.strictObject({ tag: z.string(), digest: z.string().optional() })),
            inputs: z.record(z.string(), z.json()),
            event: z.string().optional(),
            by: z.string(),
            at: z.int(),
          }),
          pipelines: z.array(z.object({ basis: planBasis })).min(1),
        }),
      }),
    )
    .min(1),
});

/** Manifests may hold secrets, so nobody else may read the file. */
async function save(path: string, plans: SavedPlan['plans']): Promise<void> {
  try {
    await writeFile(path, `${JSON.stringify({ format: 1, plans }, null, 2)}\n`, { mode: 0o600 });
  } catch (error) {
    throw new CommandFailure(`Could not write the plan to ${path}`, { cause: error });
  }
}

async function readSaved(path: string): Promise<z.output<typeof savedPlan>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new CommandFailure(`Could not read the plan ${path}`, { cause: error });
  }
  const wayOn = 'make one with "gennaker plan --out FILE"';
  if (text.length > MAXIMUM_PLAN_FILE_BYTES) throw new CommandFailure(`${path} is too large for a plan; ${wayOn}.`);
  try {
    return savedPlan.parse(JSON.parse(text));
  } catch (error) {
    throw new CommandFailure(`${path} is not a saved plan; ${wayOn}.`, { cause: error });
  }
}
