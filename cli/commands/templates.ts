/** `gennaker templates …`, `get templates`, `get catalog` and `copy`: best practice published once, found and copied by everyone. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { formatProblems } from '../../shared/pipeline/problem.ts';
import { ApiRefused } from '../api.ts';
import { type Context, currentUser } from '../context.ts';
import { CommandFailure, EXIT, type ExitCode, UsageError } from '../failure.ts';
import { readText } from '../pipeline-files.ts';
import {
  renderCatalog,
  renderImpact,
  renderPublished,
  renderRollout,
  renderTemplate,
  renderTemplates,
} from '../render/templates.ts';

export async function listTemplates(context: Context): Promise<void> {
  const list = await (await context.api()).templates.list();
  context.result(list, () => renderTemplates(list.items, context.view()));
}

export async function showTemplate(context: Context, name: string): Promise<void> {
  const template = await (await context.api()).templates.show(name);
  context.result(template, () => renderTemplate(template, context.view()));
}

export async function publish(
  context: Context,
  file: string,
  options: { readonly rings?: string; readonly after?: number; readonly takeOver?: boolean },
): Promise<ExitCode> {
  if (options.after !== undefined && options.rings === undefined) {
    throw new UsageError('--after says how a ring is proved, so it goes with --rings.');
  }
  const text = await readText(file);
  const { rings, after, takeOver } = options;
  return refusable(context, 'Nothing was published.', async () => {
    const api = await context.api();
    const published = await api.templates.publish({
      file,
      text,
      by: currentUser(),
      ...(rings === undefined ? {} : { rings }),
      ...(after === undefined ? {} : { after }),
      ...(takeOver === undefined ? {} : { takeOver }),
    });
    context.result(published, () => renderPublished(published));
  });
}

/** Ends with 1 where a pipeline would break, so that a pull request's check can ask. */
export async function impact(context: Context, file: string): Promise<ExitCode> {
  const text = await readText(file);
  let breaks = false;
  const code = await refusable(context, 'Nothing was compared.', async () => {
    const report = await (await context.api()).templates.impact({ file, text });
    breaks = report.pipelines.some(({ moves, problems }) => moves && problems.length > 0);
    context.result(report, () => renderImpact(report));
  });
  return breaks ? EXIT.failure : code;
}

export async function rollout(context: Context, name: string, options: { readonly continue?: boolean }): Promise<void> {
  const { templates } = await context.api();
  const template =
    options.continue === true ? await templates.goOn(name, { by: currentUser() }) : await templates.show(name);
  context.result(template.rollout, () => renderRollout(template, context.view()));
}

export async function rollback(context: Context, name: string): Promise<void> {
  const template = await (await context.api()).templates.rollBack(name, { by: currentUser() });
  context.result(template.rollout, () => renderRollout(template, context.view()));
}

export async function deprecate(
  context: Context,
  name: string,
  options: { readonly message?: string; readonly undo?: boolean },
): Promise<void> {
  const [template, version, ...more] = name.split('@');
  if (template === undefined || version === undefined || more.length > 0) {
    throw new UsageError(`"${name}" is no version of a template; write it as in microservice@2.1.0.`);
  }
  if ((options.message === undefined) === (options.undo !== true)) {
    throw new UsageError('Say with --message what to use instead, or take the deprecation back with --undo.');
  }
  const { message } = options;
  const { templates } = await context.api();
  const told = await templates.deprecate(template, { version, ...(message === undefined ? {} : { message }) });
  context.result(told, () => renderTemplate(told, context.view()));
}

export async function listCatalog(
  context: Context,
  options: { readonly search?: string | undefined; readonly limit: number },
): Promise<void> {
  const { search, limit } = options;
  const list = await (await context.api()).catalog({ search, limit });
  context.result(list, () => renderCatalog(list.items, search, context.view()));
}

/** Prints the pipeline as a new file, or writes it with the files that it names into a folder that has none of them. */
export async function copy(context: Context, pipeline: string, options: { readonly out?: string }): Promise<void> {
  const copied = await (await context.api()).copy(pipeline);
  if (options.out === undefined) {
    context.result(copied, () => copied.text.trimEnd().split('\n'));
    if (Object.keys(copied.files).length > 0) {
      context.progress(['It names files beside it; with --out DIR they are written too.']);
    }
    return;
  }
  const { out } = options;
  const folder = resolve(out);
  const written: string[] = [];
  for (const [path, text] of [['gennaker.yaml', copied.text] as const, ...Object.entries(copied.files)]) {
    const file = join(folder, path);
    const inside = relative(folder, file);
    if (inside.startsWith('..')) throw new CommandFailure(`${pipeline} names ${path}, which lies outside ${folder}.`);
    await writeNew(file, text);
    written.push(file);
  }
  context.result({ files: written }, () => [
    ...written.map((file) => `wrote ${file}`),
    '',
    `Next:  gennaker validate ${join(out, 'gennaker.yaml')}`,
  ]);
}

async function writeNew(file: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text, { flag: 'wx' });
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') {
      throw new CommandFailure(`${file} is there already. Choose a folder without it.`);
    }
    throw new CommandFailure(`Could not write ${file}`, { cause });
  }
}

/** Runs the request, and prints the places of what the system refused. */
async function refusable(context: Context, end: string, request: () => Promise<void>): Promise<ExitCode> {
  try {
    await request();
    return EXIT.success;
  } catch (error) {
    if (!(error instanceof ApiRefused) || error.problems.length === 0) throw error;
    if (context.format === 'json') context.result({ problems: error.problems }, () => []);
    context.progress(formatProblems(error.problems, end).split('\n'));
    return EXIT.failure;
  }
}
