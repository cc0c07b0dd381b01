/** Published templates as the language asks for them: by name and range, at once, although they are read from a store. */
import { z } from 'zod';
import type { Hash } from '../../core/plan.ts';
import { type Template, type Templates, type TemplateUse, templateSchema } from '../../pipeline/template.ts';
import type { Blobs } from '../../ports/blobs.ts';
import type { ListedCells } from '../../ports/cells.ts';
import type { PublishedVersion, TemplateRecord } from '../../ports/templates.ts';
import { type Choice, chooseVersion, isRange, matches } from './choose-version.ts';

/** Templates of one system: they are listed whole for each file that is applied. */
export const MAXIMUM_TEMPLATES = 500;
const MAXIMUM_CACHED = 500;
/** Templates use templates to a bounded depth, and each round loads what the one before asked for. */
const MAXIMUM_ROUNDS = 20;

/** The records of all templates, and their definitions as far as they were needed. */
export type Library = {
  readonly records: ReadonlyMap<string, TemplateRecord>;
  /** Throws where the definition is not in the store, or is none any more. */
  load(version: PublishedVersion): Promise<Template>;
  /** What was loaded. */
  loaded(version: PublishedVersion): Template | undefined;
};

export type OpenLibrary = () => Promise<Library>;

/** Throws where the definition is not in the store, or is none any more. */
export async function definitionOf(
  blobs: Pick<Blobs, 'get'>,
  { definition, version }: Pick<PublishedVersion, 'definition' | 'version'>,
): Promise<Template> {
  const text = await blobs.get({ hash: definition });
  if (text === undefined)
    throw new Error(`reading version ${version} of a template: ${definition} is not in the store`);
  const template = templateSchema.safeParse(JSON.parse(text));
  if (template.success) return template.data;
  const wrong = z.prettifyError(template.error);
  throw new Error(`reading version ${version} of a template: it does not fit this version of the language: ${wrong}`);
}

/** Opens the library as it is now. Definitions never change, so they are kept from one opening to the next. */
export function libraryOf(ports: {
  readonly templates: Pick<ListedCells<TemplateRecord>, 'list'>;
  readonly blobs: Pick<Blobs, 'get'>;
}): OpenLibrary {
  const cache = new Map<Hash, Template>();
  const load = async ({ definition, version }: PublishedVersion): Promise<Template> => {
    const cached = cache.get(definition);
    if (cached !== undefined) return cached;
    const template = await definitionOf(ports.blobs, { definition, version });
    const oldest = cache.keys().next();
    if (cache.size >= MAXIMUM_CACHED && !oldest.done) cache.delete(oldest.value);
    cache.set(definition, template);
    return template;
  };
  return async () => {
    const cells = await ports.templates.list({ limit: MAXIMUM_TEMPLATES });
    // What one opening has loaded stays with it, however much others load meanwhile.
    const own = new Map<Hash, Template>();
    return {
      records: new Map(cells.map(({ key, value }) => [key, value])),
      async load(version) {
        const template = await load(version);
        own.set(version.definition, template);
        return template;
      },
      loaded: ({ definition }) => own.get(definition),
    };
  };
}

/** Which version a use gets. */
export type Choose = (use: TemplateUse, record: TemplateRecord) => Choice;

/** Each use gets the highest version that the pipeline may have now. */
export function choiceFor(pipeline: string, locks: { readonly [template: string]: string } = {}): Choose {
  return ({ name, range }, record) => {
    const locked = Object.hasOwn(locks, name) ? locks[name] : undefined;
    return chooseVersion({ record, range, pipeline, locked });
  };
}

/** Each use gets the version of the lock where that is in its range, whatever was published since; any other, the highest that it may have. */
export function choiceOf(pipeline: string, locks: { readonly [template: string]: string }): Choose {
  const free = choiceFor(pipeline, locks);
  return (use, record) => {
    const locked = Object.hasOwn(locks, use.name) ? locks[use.name] : undefined;
    const version = record.versions.find((one) => one.version === locked && matches(use.range, one.version));
    return version === undefined ? free(use, record) : { version };
  };
}

/**
 * Runs `read` with the templates that it asks for. It runs again for as long as it asks for some that are not loaded
 * yet, so it must do nothing but compute.
 */
export async function withTemplates<T>(
  library: Library,
  choose: Choose,
  read: (templates: Templates) => T,
): Promise<T> {
  return withTemplatesFor(
    library,
    () => choose,
    (templatesFor) => read(templatesFor('')),
  );
}

/** The same where each pipeline has choices of its own. */
export async function withTemplatesFor<T>(
  library: Library,
  chooseFor: (pipeline: string) => Choose,
  read: (templatesFor: (pipeline: string) => Templates) => T,
): Promise<T> {
  for (let round = 0; round < MAXIMUM_ROUNDS; round += 1) {
    const wanted = new Set<PublishedVersion>();
    const result = read((pipeline) => templatesIn(library, chooseFor(pipeline), wanted));
    if (wanted.size === 0) return result;
    for (const version of wanted) await library.load(version);
  }
  throw new Error(`loading templates: they use each other more than ${MAXIMUM_ROUNDS} deep`);
}

function templatesIn(library: Library, choose: Choose, wanted: Set<PublishedVersion>): Templates {
  return {
    names: () => [...library.records.keys()].sort(),
    find(use) {
      const record = library.records.get(use.name);
      if (record === undefined) return { is: 'unknown' };
      if (!isRange(use.range)) return { is: 'not-a-range' };
      const choice = choose(use, record);
      if ('problem' in choice) {
        const released = record.versions.filter(({ standing }) => standing === 'released');
        const refused = {
          is: 'no-version' as const,
          versions: released.map(({ version }) => version),
          because: choice.problem,
        };
        return refused;
      }
      const template = library.loaded(choice.version);
      if (template !== undefined) return { is: 'found', template };
      wanted.add(choice.version);
      return { is: 'unknown' };
    },
  };
}
