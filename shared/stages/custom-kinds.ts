/** Loads the stage kinds of teams' own packages beside the built-in ones, and says what is wrong with one that cannot be used. */
import { createRequire } from 'node:module';
import { isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { didYouMean } from '../pipeline/nearest.ts';
import type { StageKind } from './kind.ts';
import { stageKinds } from './registry.ts';

const MAXIMUM_KINDS_OF_MODULE = 100;
const KIND_NAME = /^[a-z][a-z0-9-]{0,62}$/;
/** What the module exports its kinds as. */
const EXPORT = 'stageKinds';

/** A configured stage kind cannot be used. The message names the module and what is wrong with it. */
export class UnusableStageKind extends Error {
  override readonly name = 'UnusableStageKind';
}

/**
 * The built-in kinds and those that `modules` export as `stageKinds`, by name. A module is a path, relative to
 * `folder` (by default the working directory), or a package as Node finds it from there. Each is imported once,
 * however often it is asked for. Throws UnusableStageKind.
 */
export async function loadStageKinds(options: {
  modules: readonly string[];
  folder?: string;
}): Promise<ReadonlyMap<string, StageKind>> {
  const { modules, folder = process.cwd() } = options;
  const kinds = new Map(stageKinds());
  const owners = new Map([...kinds.keys()].map((name) => [name, 'a built-in kind']));
  for (const module of modules) {
    for (const kind of await kindsOf(module, folder)) {
      const owner = owners.get(kind.kind);
      if (owner !== undefined) {
        throw new UnusableStageKind(`${told(module)} has a kind "${kind.kind}", but ${owner} is called so already`);
      }
      owners.set(kind.kind, `one of ${JSON.stringify(module)}`);
      kinds.set(kind.kind, kind);
    }
  }
  return kinds;
}

function told(module: string): string {
  return `loading the stage kinds of ${JSON.stringify(module)}: it`;
}

async function kindsOf(module: string, folder: string): Promise<readonly StageKind[]> {
  const loaded = await importModule(module, folder);
  const given = loaded[EXPORT];
  if (!Array.isArray(given) || given.length === 0) {
    const exported = Object.keys(loaded);
    const has = exported.length === 0 ? 'nothing' : exported.join(', ');
    throw new UnusableStageKind(
      `${told(module)} exports ${has}; expected a list of kinds: export const ${EXPORT} = [myKind]`,
    );
  }
  if (given.length > MAXIMUM_KINDS_OF_MODULE) {
    throw new UnusableStageKind(
      `${told(module)} has ${given.length} kinds; at most ${MAXIMUM_KINDS_OF_MODULE} are taken`,
    );
  }
  return given.map((kind: unknown, index) => checkedKind(kind, { module, index }));
}

async function importModule(module: string, folder: string): Promise<{ readonly [name: string]: unknown }> {
  const doing = `loading the stage kinds of ${JSON.stringify(module)}`;
  try {
    return (await import(addressOf(module, folder))) as { readonly [name: string]: unknown };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UnusableStageKind(`${doing} from ${folder}: ${why}${adviceFor(cause)}`, { cause });
  }
}

function addressOf(module: string, folder: string): string {
  const isPath = isAbsolute(module) || module.startsWith('./') || module.startsWith('../');
  const path = isPath ? resolve(folder, module) : createRequire(join(folder, 'package.json')).resolve(module);
  return pathToFileURL(path).href;
}

function adviceFor(cause: unknown): string {
  switch (cause instanceof Error && 'code' in cause ? cause.code : undefined) {
    case 'ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING':
      return '. Node runs no TypeScript below node_modules: link the package (npm link) or name its folder by a path';
    case 'ERR_UNSUPPORTED_DIR_IMPORT':
      return '. Name the file, such as ./kinds/index.ts';
    case 'ERR_PACKAGE_PATH_NOT_EXPORTED':
      return '. Its package.json has to say "exports": "./index.ts"';
    default:
      return '';
  }
}

const isFunction = z.custom<(...given: never[]) => unknown>(
  (value) => typeof value === 'function',
  'must be a function',
);

/** Another copy of zod 4 does as well: its schemas know themselves by their traits, not by their class. */
const isSchema = z.custom<z.ZodType>(
  (value) => typeof value === 'object' && value !== null && '_zod' in value && 'parse' in value,
  'must be a schema of zod 4',
);

const shape = {
  kind: z.string('must be text').regex(KIND_NAME, 'must be lower-case letters, digits and -, beginning with a letter'),
  description: z.string('must be text').min(1, 'must not be empty').max(500, 'must be at most 500 characters long'),
  target: z.enum(['required', 'optional', 'none'], 'must be "required", "optional" or "none"'),
  with: isSchema,
  cursor: isSchema,
  outputs: isSchema,
  step: isFunction,
  stop: isFunction,
  manifests: z.union([z.literal('required'), isFunction], 'must be "required" or a function').optional(),
  rendersFiles: z.literal(true).optional(),
  shortestMs: isFunction.optional(),
  longestMs: isFunction.optional(),
  outputsOf: isFunction.optional(),
  delivers: isFunction.optional(),
  gate: isFunction.optional(),
} satisfies { readonly [field in keyof StageKind]-?: z.ZodType };

const kindShape = z.looseObject(shape);

function checkedKind(given: unknown, place: { module: string; index: number }): StageKind {
  const { module, index } = place;
  const parsed = kindShape.safeParse(given);
  const named = parsed.data?.kind ?? (given as { kind?: unknown } | null | undefined)?.kind;
  const which = typeof named === 'string' ? `its kind "${named.slice(0, 63)}"` : `its ${EXPORT}[${index}]`;
  const refuse = (what: string, options?: ErrorOptions): never => {
    throw new UnusableStageKind(
      `loading the stage kinds of ${JSON.stringify(module)}: ${which} cannot be used: ${what}`,
      options,
    );
  };
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => {
      const field = path.join('.');
      const isMissing = typeof given === 'object' && given !== null && Reflect.get(given, field) === undefined;
      return field === '' ? message : `${field} ${isMissing ? 'is missing' : message}`;
    });
    return refuse(problems.join('; '));
  }
  const known = Object.keys(shape);
  const unknown = Object.keys(parsed.data).find((field) => !known.includes(field));
  if (unknown !== undefined) refuse(`${unknown} is no field of a stage kind${didYouMean(unknown, known)}`);
  for (const field of ['with', 'outputs'] as const) {
    try {
      // What cannot be described could be neither completed in an editor nor checked in an expression.
      z.toJSONSchema(parsed.data[field], { io: 'input', unrepresentable: 'any' });
    } catch (cause) {
      refuse(`${field} cannot be described: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  }
  // The object itself, not what was parsed: its functions may rely on it.
  return given as StageKind;
}
