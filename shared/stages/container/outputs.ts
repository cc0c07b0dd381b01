/** Reads what a container wrote as its outputs, and says in a sentence what is wrong with it. */
import { z } from 'zod';
import { didYouMean } from '../../pipeline/nearest.ts';
import { type ContainerOutputs, type ContainerParameters, containerOutputs, type OutputType } from './schema.ts';

/** Where the container writes; Kubernetes' own default. */
export const OUTPUTS_PATH = '/dev/termination-log';
/** Kubernetes keeps no more of what is written there. */
const MAXIMUM_OUTPUT_BYTES = 4096;

const SCHEMAS: { readonly [type in OutputType]: z.ZodType } = {
  string: z.string(),
  number: z.number(),
  boolean: z.boolean(),
  list: z.array(z.json()),
  object: z.record(z.string(), z.json()),
};

type Declared = ContainerParameters['outputs'];

/** The outputs of a stage with these parameters. */
export function outputsOf({ outputs }: Pick<ContainerParameters, 'outputs'>): z.ZodType<ContainerOutputs> {
  const declared = Object.entries(outputs).map(([name, { type, description }]) => {
    const schema = SCHEMAS[type];
    return [name, description === undefined ? schema : schema.describe(description)] as const;
  });
  return z.strictObject({ ...Object.fromEntries(declared), ...containerOutputs.shape });
}

/** The declared outputs in `message`, or the sentence that says why they are not there. Values are never repeated. */
export function readOutputs(
  declared: Declared,
  message: string,
): { readonly outputs: { readonly [name: string]: unknown } } | { readonly wrong: string } {
  const names = Object.keys(declared);
  // What a container without outputs writes there is its own affair.
  if (names.length === 0) return { outputs: {} };
  const wanted = `a JSON object with ${names.join(', ')}`;
  if (message.trim() === '') return { wrong: `wrote nothing to ${OUTPUTS_PATH}; expected ${wanted}` };
  let written: unknown;
  try {
    written = JSON.parse(message);
  } catch {
    // The parser's own message would repeat a piece of what was written.
    const bytes = Buffer.byteLength(message);
    const cut = `, of which Kubernetes keeps ${MAXIMUM_OUTPUT_BYTES} bytes; write less`;
    const why = bytes >= MAXIMUM_OUTPUT_BYTES ? cut : ` (${bytes} bytes); expected ${wanted}`;
    return { wrong: `wrote to ${OUTPUTS_PATH} what is not JSON${why}` };
  }
  if (typeof written !== 'object' || written === null || Array.isArray(written)) {
    return { wrong: `wrote ${described(written)} to ${OUTPUTS_PATH}; expected ${wanted}` };
  }
  const given = new Map<string, unknown>(Object.entries(written));
  const problems = [
    ...Object.entries(declared).flatMap(([name, { type }]) => {
      if (!given.has(name)) return [`did not write the output ${name}`];
      const value = given.get(name);
      if (SCHEMAS[type].safeParse(value).success) return [];
      return [`wrote ${described(value)} as the output ${name}, which is declared as ${article(type)}`];
    }),
    ...[...given.keys()]
      .filter((name) => !Object.hasOwn(declared, name))
      .map((name) => `wrote the output ${shown(name)}, which is not declared${didYouMean(name, names)}`),
  ];
  return problems.length === 0 ? { outputs: Object.fromEntries(given) } : { wrong: problems.join(', ') };
}

const MAXIMUM_SHOWN_NAME = 63;

function shown(name: string): string {
  return name.length <= MAXIMUM_SHOWN_NAME ? name : `${name.slice(0, MAXIMUM_SHOWN_NAME)}…`;
}

function described(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return article(typeof value);
}

function article(type: string): string {
  return type === 'object' ? 'an object' : `a ${type}`;
}
