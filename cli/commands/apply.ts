/** `gennaker validate` and `gennaker apply`: check pipeline files, and give them to the system. */
import { formatProblems, type Problem } from '../../shared/pipeline/problem.ts';
import { ApiRefused, type Applied } from '../api.ts';
import { type Context, currentUser } from '../context.ts';
import { EXIT, type ExitCode } from '../failure.ts';
import { type PipelineFile, readManifestFiles, readPipelineFiles } from '../pipeline-files.ts';
import { count } from '../text.ts';

/** Checks the files and the presence of the manifests that they name. Needs no system. */
export async function validate(context: Context, files: readonly string[]): Promise<ExitCode> {
  const kinds = await context.kinds();
  const read = await readPipelineFiles(files, kinds);
  const problems = read.flatMap((file) => file.problems);
  if (problems.length > 0) {
    return tellProblems(context, problems);
  }
  await Promise.all(read.map(({ file, pipelines }) => readManifestFiles(file, pipelines, kinds)));
  context.result({ pipelines: namesIn(read), problems: [] }, () => read.map(describeFile));
  return EXIT.success;
}

/** Applies the files, all of which have to be right before the first is sent. */
export async function apply(
  context: Context,
  files: readonly string[],
  override?: { readonly reason: string },
): Promise<ExitCode> {
  const kinds = await context.kinds();
  const read = await readPipelineFiles(files, kinds);
  const problems = read.flatMap((file) => file.problems);
  if (problems.length > 0) {
    return tellProblems(context, await allProblems(context, read), []);
  }
  const uploads = await Promise.all(
    read.map(async ({ file, text, pipelines }) => ({
      file,
      text,
      files: await readManifestFiles(file, pipelines, kinds),
      by: currentUser(),
      ...(override === undefined ? {} : { override }),
    })),
  );
  const api = await context.api();
  return applyEach(
    context,
    uploads.map((upload) => () => api.apply(upload)),
  );
}

/** Sends one after the other until one is refused, and tells what came of them. `start` is the command to go on with. */
export async function applyEach(
  context: Context,
  sends: readonly (() => Promise<Applied>)[],
  start?: string,
): Promise<ExitCode> {
  const applied: Applied['pipelines'][number][] = [];
  const notes: string[] = [];
  for (const send of sends) {
    try {
      const answer = await send();
      applied.push(...answer.pipelines);
      notes.push(...answer.notes);
    } catch (error) {
      if (error instanceof ApiRefused && error.problems.length > 0) {
        return tellProblems(context, error.problems, applied);
      }
      throw error;
    }
  }
  context.result({ pipelines: applied, notes }, () => [
    ...applied.map(({ name, change }) => `${name}  ${change}`),
    ...notes,
    '',
    ...applied.slice(0, 1).map(({ name }) => `Start it:  ${start ?? `gennaker run ${name}`}`),
  ]);
  return EXIT.success;
}

/** What is wrong with the files. The system, where it answers, knows of templates too: it is asked for a plan, which changes nothing. */
async function allProblems(context: Context, read: readonly PipelineFile[]): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const { file, text, problems: own } of read) {
    if (own.length === 0) continue;
    try {
      const api = await context.api();
      await api.plan({ file, text, files: {}, images: {}, inputs: {}, by: currentUser() });
      problems.push(...own);
    } catch (error) {
      const isMore = error instanceof ApiRefused && error.problems.length >= own.length;
      problems.push(...(isMore ? error.problems : own));
    }
  }
  return problems;
}

/** Tells what is wrong, and what was `applied` all the same before it was found; absent where nothing is applied anyway. */
export function tellProblems(
  context: Context,
  problems: readonly Problem[],
  applied?: readonly { name: string; change: string }[],
): ExitCode {
  if (context.format === 'json') {
    context.result({ pipelines: applied ?? [], problems }, () => []);
  } else if (applied === undefined || applied.length === 0) {
    context.progress([formatProblems(problems, applied === undefined ? undefined : 'Nothing was applied.')]);
  } else {
    const names = applied.map(({ name }) => name).join(', ');
    context.progress([
      ...problems.map(({ file, line, column, message }) => `${file}:${line}:${column}  ${message}`),
      `${count(problems.length, 'problem')}. Applied before: ${names}.`,
    ]);
  }
  return EXIT.failure;
}

function namesIn(files: readonly PipelineFile[]): string[] {
  return files.flatMap(({ pipelines }) => pipelines.map(({ pipeline }) => pipeline));
}

export function describeFile({ file, pipelines }: PipelineFile): string {
  const names = pipelines.map(({ pipeline, stages }) => `${pipeline} (${count(Object.keys(stages).length, 'stage')})`);
  return `${file}  is valid: ${names.join(', ')}`;
}
