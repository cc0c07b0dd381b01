/** Files read with the templates of one choice of versions: checks a template, and plans a pipeline as it would run with them. */

import { type Outline, outline } from '../../pipeline/outline.ts';
import { MAXIMUM_PIPELINE_FILE_BYTES, parsePipelines } from '../../pipeline/parse.ts';
import type { Path, Problem } from '../../pipeline/problem.ts';
import type { Definition } from '../../pipeline/schema.ts';
import { CannotSettle } from '../../pipeline/settle.ts';
import type { Template, Templates } from '../../pipeline/template.ts';
import type { StageKinds } from '../../pipeline/usable.ts';
import { readYaml } from '../../pipeline/yaml-file.ts';

const MAXIMUM_VALUES = 20_000;
export type PlaceOf = (path: Path) => { readonly line: number; readonly column: number };

/** The one template of the file, and where its parts stand; or everything that is wrong. */
export function readTemplate(command: {
  readonly file: string;
  readonly text: string;
  readonly kinds: StageKinds;
  readonly templates: Templates;
}): { readonly template: Template; readonly placeOf: PlaceOf } | { readonly problems: readonly Problem[] } {
  const { file, text, kinds, templates } = command;
  const parsed = parsePipelines({ file, text, kinds, templatesFor: () => templates });
  if ('problems' in parsed) return parsed;
  const [template, ...others] = parsed.templates;
  if (template === undefined || others.length > 0 || parsed.pipelines.length > 0) {
    const found = [
      ...parsed.templates.map((one) => `the template ${one.template}`),
      ...parsed.pipelines.map((one) => `the pipeline ${one.pipeline}`),
    ];
    const message = `the file must have one template and nothing else, to be published; it has ${found.join(', ')}`;
    return { problems: [{ file, line: 1, column: 1, message }] };
  }
  const limits = { maximumBytes: MAXIMUM_PIPELINE_FILE_BYTES, maximumValues: MAXIMUM_VALUES };
  const [document] = readYaml({ file, text, dialect: 'pipeline', limits }).documents;
  return { template, placeOf: (path) => document?.valueAt(path) ?? { line: 1, column: 1 } };
}

export type Outlined = Outline & { readonly definition: Definition };

/** The pipeline of that name in the file, planned with those templates; or everything that is wrong with it. */
export function outlineWith(command: {
  readonly file: string;
  readonly text: string;
  readonly pipeline: string;
  readonly kinds: StageKinds;
  readonly templates: Templates;
}): Outlined | { readonly problems: readonly Problem[] } {
  const { file, text, pipeline, kinds, templates } = command;
  const parsed = parsePipelines({ file, text, kinds, templatesFor: () => templates });
  if ('problems' in parsed) return parsed;
  const whole = (message: string): Problem => ({ file, line: 1, column: 1, message });
  const definition = parsed.pipelines.find((one) => one.pipeline === pipeline);
  if (definition === undefined) return { problems: [whole(`the file has no pipeline "${pipeline}" any more`)] };
  try {
    return { definition, ...outline({ definition, kinds, templates, targets: undefined }) };
  } catch (error) {
    if (!(error instanceof CannotSettle)) throw error;
    return { problems: error.problems.map(whole) };
  }
}
