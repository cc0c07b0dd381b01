/** Moves a pipeline to another version of one of its templates, where its file fits that, and tells what it uses. */

import { readDefinition } from '../../pipeline/parse.ts';
import { type Templates, type TemplateUse, templatesUsed, templateUse } from '../../pipeline/template.ts';
import type { AppliedPipeline, Pipelines } from '../../ports/pipelines.ts';
import { triggerEntries } from '../../triggers/keys.ts';
import { locksBefore } from './choose-version.ts';
import { sourceOf } from './impact.ts';
import { choiceOf, type OpenLibrary, withTemplates } from './library.ts';
import type { LanguagePorts, Relocked, RolloutPorts } from './ports.ts';
import { outlineWith } from './read-with.ts';

const MAXIMUM_TOLD = 3;

type Ports = LanguagePorts & {
  readonly pipelines: Pipelines;
  readonly blobs: RolloutPorts['blobs'];
  readonly openLibrary: OpenLibrary;
};

export async function relockPipeline(
  ports: Ports,
  command: { readonly pipeline: AppliedPipeline; readonly template: string; readonly version: string },
): Promise<Relocked> {
  const { pipeline, template, version } = command;
  const { name, file, templates: locks = {}, generation } = pipeline;
  const text = await sourceOf(ports, pipeline);
  const library = await ports.openLibrary();
  const read = await withTemplates(library, choiceOf(name, { ...locks, [template]: version }), (templates) => {
    const outlined = outlineWith({ file, text, pipeline: name, kinds: ports.kinds, templates });
    return 'problems' in outlined
      ? outlined
      : { ...outlined, lock: templatesUsed(outlined.definition.stages, templates) };
  });
  if ('problems' in read) {
    const told = read.problems
      .slice(0, MAXIMUM_TOLD)
      .map((one) => `${one.file}:${one.line}:${one.column}  ${one.message}`);
    return { is: 'refused', because: `Its file does not fit ${template}@${version}: ${told.join('; ')}` };
  }
  if (read.lock[template] !== version) {
    const got = read.lock[template] ?? 'no version';
    throw new Error(
      `moving ${name} to ${template}@${version}: its file leads to ${got} of it; the next look may know more`,
    );
  }
  const next: AppliedPipeline = {
    ...pipeline,
    generation: generation + 1,
    templates: read.lock,
    templatesBefore: locksBefore(pipeline, read.lock),
  };
  const triggers = triggerEntries(read.settled);
  const changed = await ports.pipelines.change({
    puts: [{ pipeline: next, triggers, expected: generation }],
    removals: [],
  });
  return { is: changed === 'changed' ? 'moved' : 'conflict' };
}

/** Every use of a template in the pipeline, and in its templates as they are locked. */
export async function usesOf(
  ports: { readonly openLibrary: OpenLibrary },
  pipeline: AppliedPipeline,
): Promise<readonly TemplateUse[]> {
  const definition = readDefinition(pipeline.definition);
  const choose = choiceOf(pipeline.name, pipeline.templates ?? {});
  return withTemplates(await ports.openLibrary(), choose, (templates) => usesIn(definition.stages, templates));
}

type Stages = {
  readonly [id: string]: {
    readonly uses: string;
    readonly insert?: { readonly [place: string]: { readonly [id: string]: { readonly uses: string } } } | undefined;
  };
};

const MAXIMUM_DEPTH = 10;

function usesIn(stages: Stages, templates: Templates, depth = 0): readonly TemplateUse[] {
  if (depth > MAXIMUM_DEPTH) return [];
  const inserted = Object.values(stages).flatMap(({ insert }) => Object.values(insert ?? {}));
  return [stages, ...inserted].flatMap((level) =>
    Object.values(level).flatMap(({ uses }): readonly TemplateUse[] => {
      const use = templateUse(uses);
      if (use === undefined) return [];
      const found = templates.find(use);
      return found.is === 'found' ? [use, ...usesIn(found.template.stages, templates, depth + 1)] : [use];
    }),
  );
}
