/** What a container stage is given, remembers and tells. */
import { z } from 'zod';
import { REASON_CODES } from '../../core/reason.ts';
import { duration } from '../../pipeline/duration.ts';

const MAXIMUM_ARGUMENTS = 200;
const MAXIMUM_ARGUMENT = 16 * 1024;
const MAXIMUM_VARIABLES = 200;
const MAXIMUM_VALUE = 32 * 1024;
const MAXIMUM_OUTPUTS = 50;
const MAXIMUM_NOTES = 50;
/** What a Job remembers of the environment, in characters: etcd keeps no object above 1.5 MiB. */
const MAXIMUM_ENVIRONMENT = 256 * 1024;

/** Variables that every container is given begin so. */
const RESERVED_VARIABLE = /^GENNAKER_/;

const variableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,199}$/, 'must be the name of an environment variable, such as DATABASE_URL')
  .refine((name) => !RESERVED_VARIABLE.test(name), 'is taken: variables that begin with GENNAKER_ are set for you');

const variables = <T extends z.ZodType>(value: T) =>
  z
    .record(variableName, value)
    .refine((given) => Object.keys(given).length <= MAXIMUM_VARIABLES, `has more than ${MAXIMUM_VARIABLES} variables`);

const objectName = z
  .string()
  .max(253)
  .regex(
    /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/,
    'must be the name of a Kubernetes object: lower-case letters, digits, - and .',
  );

const words = z.array(z.string().max(MAXIMUM_ARGUMENT)).max(MAXIMUM_ARGUMENTS);

const quantity = z.union([
  z.string().regex(/^\d+(\.\d+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$/, 'must be a quantity such as 500m or 256Mi'),
  z.number().positive(),
]);
const quantities = z.record(
  z.string().regex(/^[a-z0-9][a-z0-9./-]{0,99}$/, 'must name a resource, such as cpu'),
  quantity,
);

const notes = z
  .record(z.string().min(1).max(317), z.string().max(16 * 1024))
  .refine((given) => Object.keys(given).length <= MAXIMUM_NOTES, `has more than ${MAXIMUM_NOTES} entries`);

export const OUTPUT_TYPES = ['string', 'number', 'boolean', 'list', 'object'] as const;
export type OutputType = (typeof OUTPUT_TYPES)[number];

const outputName = z
  .string()
  .regex(
    /^[a-z][a-z0-9_]{0,62}$/,
    'must begin with a lower-case letter and go on with lower-case letters, digits and _',
  )
  .refine((name) => name !== 'constructor', 'is taken');

export const containerParameters = z
  .strictObject({
    image: z
      .string()
      .min(1)
      .max(500)
      .describe("The image that runs. One of the pipeline's images is pinned to its digest"),
    command: words.min(1).optional().describe("What runs instead of the image's entry point, word by word"),
    args: words.optional().describe('The arguments, word by word'),
    env: variables(z.union([z.string().max(MAXIMUM_VALUE), z.number(), z.boolean()]))
      .default({})
      .describe('Environment variables; numbers and booleans are given as text'),
    secrets: variables(
      z.strictObject({
        secret: objectName.describe("The name of the Kubernetes Secret in the pipeline's namespace"),
        key: z.string().min(1).max(253).describe('The key in that Secret'),
      }),
    )
      .default({})
      .describe('Environment variables whose values lie in Kubernetes Secrets of the target'),
    resources: z
      .strictObject({
        requests: quantities.optional().describe('What is set aside for the container'),
        limits: quantities.optional().describe('What the container may use at most'),
      })
      .optional()
      .describe('CPU, memory and other resources, as Kubernetes writes them'),
    'service-account': objectName
      .optional()
      .describe('The Kubernetes service account that it runs as; without one it gets no token of the cluster'),
    labels: notes.default({}).describe('Labels of the pod'),
    annotations: notes.default({}).describe('Annotations of the pod'),
    'run-timeout': duration().optional().describe('How long the container may run; then the cluster itself ends it'),
    outputs: z
      .record(
        outputName,
        z.strictObject({
          type: z.enum(OUTPUT_TYPES).describe('The type of its value'),
          description: z.string().max(500).optional().describe('What it means'),
        }),
      )
      .refine((given) => Object.keys(given).length <= MAXIMUM_OUTPUTS, `has more than ${MAXIMUM_OUTPUTS} outputs`)
      .default({})
      .describe('What the container writes, as one JSON object, to the file that GENNAKER_OUTPUTS names'),
  })
  .check((context) => {
    const { env, secrets } = context.value;
    for (const name of Object.keys(secrets)) {
      if (!Object.hasOwn(env, name)) continue;
      const message = 'is given under env too; give it once';
      context.issues.push({ code: 'custom', input: secrets[name], continue: true, message, path: ['secrets', name] });
    }
    const size = Object.entries(env).reduce((sum, [name, value]) => sum + name.length + String(value).length, 0);
    if (size <= MAXIMUM_ENVIRONMENT) return;
    const message = `has ${size} characters in all; at most ${MAXIMUM_ENVIRONMENT} are allowed`;
    context.issues.push({ code: 'custom', input: env, continue: true, message, path: ['env'] });
  });
export type ContainerParameters = z.output<typeof containerParameters>;

export const containerCursor = z.strictObject({
  version: z.literal(1),
  /** The Job that was created. It runs only once this is committed, and none is created after it. */
  uid: z.string().optional(),
  /** Epoch ms at which the Job was begun. */
  begunAt: z.int(),
  /** How often it was looked for the end without holding a watch. */
  looks: z.int(),
  /** How often in a row the cluster could not be reached. */
  unreachable: z.int(),
  /** How the stage is to fail once the Job is gone. */
  ending: z
    .strictObject({ code: z.enum(REASON_CODES), text: z.string(), then: z.enum(['giveUp', 'newAttempt']) })
    .optional(),
});
export type ContainerCursor = z.output<typeof containerCursor>;

/** What every container stage tells; those of one stage are `outputsOf` its parameters. */
export const containerOutputs = z.looseObject({
  exitCode: z.int().describe('The exit code of the container: 0, or the stage has failed'),
});
export type ContainerOutputs = z.output<typeof containerOutputs>;
