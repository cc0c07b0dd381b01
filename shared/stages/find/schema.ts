/** What a find is given and tells; it remembers nothing. */
import { z } from 'zod';

const MAXIMUM_NAME = 253;
/** Of a live object, in characters of JSON. */
export const MAXIMUM_OBJECT_CHARACTERS = 32 * 1024;
/** Kinds whose contents may never stand in an execution's outputs. */
const SECRET_KINDS: ReadonlySet<string> = new Set(['Secret']);

const execution = z.strictObject({
  pipeline: z.string().min(1).max(MAXIMUM_NAME).describe('The pipeline'),
  end: z
    .enum(['succeeded', 'failed', 'cancelled', 'any'])
    .default('succeeded')
    .describe('How the execution ended; the newest such one is taken'),
});

const object = z.strictObject({
  kind: z
    .string()
    .regex(/^[A-Z][A-Za-z0-9]{0,62}$/, 'must be the kind of an object, such as Deployment')
    .refine((kind) => !SECRET_KINDS.has(kind), 'is not shown to stages')
    .describe('Deployment, Service, …'),
  'api-version': z.string().min(1).max(MAXIMUM_NAME).default('apps/v1').describe('Its apiVersion'),
  name: z.string().min(1).max(MAXIMUM_NAME).describe("Its name, in the pipeline's namespace"),
});

export const findParameters = z
  .strictObject({
    execution: execution.optional().describe('An earlier execution: what it delivered, and its outputs'),
    object: object.optional().describe("An object on the stage's target, as it is now"),
  })
  .check((context) => {
    const given = Object.values(context.value).filter((value) => value !== undefined).length;
    if (given === 1) return;
    const message = `takes exactly one of execution and object, not ${given === 0 ? 'none' : 'both'}`;
    context.issues.push({ code: 'custom', input: context.value, continue: true, message });
  })
  .meta({ oneOf: [{ required: ['execution'] }, { required: ['object'] }] });
export type FindParameters = z.output<typeof findParameters>;

export const findCursor = z.strictObject({ version: z.literal(1) });
export type FindCursor = z.output<typeof findCursor>;

const foundExecution = z.strictObject({
  execution: z.string().describe('The id of the execution'),
  end: z.enum(['succeeded', 'failed', 'cancelled', 'skipped']).describe('How it ended'),
  images: z.record(z.string(), z.string()).describe('What it delivered, by the name of the image: repo:tag@sha256:…'),
  outputs: z.record(z.string(), z.json()).describe('The outputs of its stages, by stage'),
});
const foundObject = z.strictObject({
  images: z.record(z.string(), z.string()).describe('The image of each container, by its name'),
  object: z.record(z.string(), z.json()).describe('The object, without who set which field'),
});

export const findOutputs = z.union([foundExecution, foundObject]);
export type FindOutputs = z.output<typeof findOutputs>;

export function outputsOf({ execution: wanted }: FindParameters): z.ZodType<FindOutputs> {
  return wanted === undefined ? foundObject : foundExecution;
}
