/** What a Jenkins stage is given, remembers and tells. */
import { z } from 'zod';
import { duration } from '../../pipeline/duration.ts';

const MAXIMUM_PARAMETERS = 100;
const parameterName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,99}$/, 'must be the name of a parameter');

export const jenkinsParameters = z.strictObject({
  url: z
    .url({ protocol: /^https?$/, error: 'must be a URL such as https://ci.example.com' })
    .max(500)
    .transform((text) => text.replace(/\/+$/u, ''))
    .describe('Where Jenkins is; the admins say which hosts are allowed'),
  job: z
    .string()
    .regex(/^[^/?#]{1,100}(\/[^/?#]{1,100}){0,9}$/, 'must be the name of a job, with its folders: team/items-api')
    .describe('The job, with its folders'),
  credentials: z.string().min(1).max(200).describe('The secret that holds USER:API-TOKEN'),
  parameters: z
    .record(parameterName, z.union([z.string().max(4_000), z.number(), z.boolean()]))
    .refine((given) => Object.keys(given).length <= MAXIMUM_PARAMETERS, `has more than ${MAXIMUM_PARAMETERS}`)
    .default({})
    .describe('The parameters of the build'),
  'key-parameter': parameterName
    .default('GENNAKER_KEY')
    .describe('A text parameter of the job, by which a build is found again instead of started twice'),
  'property-file': z
    .string()
    .regex(/^(?!\/)(?!.*\.\.)[\w./ -]{1,200}$/, 'must be the path of an artifact')
    .optional()
    .describe('An artifact of the build, NAME=VALUE in each line, whose values are outputs'),
  unstable: z.enum(['fail', 'succeed']).default('fail').describe('What an unstable build means'),
  every: duration({ maximum: '10m' }).default('10s').describe('Between two looks'),
});
export type JenkinsParameters = z.output<typeof jenkinsParameters>;

export const jenkinsCursor = z.discriminatedUnion('is', [
  /** Nobody knows whether the build was asked for: until then (epoch ms) it is looked for before it is asked for again. */
  z.strictObject({ version: z.literal(1), is: z.literal('starting'), until: z.int() }),
  z.strictObject({ version: z.literal(1), is: z.literal('queued'), item: z.int() }),
  z.strictObject({ version: z.literal(1), is: z.literal('building'), build: z.int() }),
]);
export type JenkinsCursor = z.output<typeof jenkinsCursor>;

export const jenkinsOutputs = z.strictObject({
  build: z.int().describe("The build's number"),
  url: z.string().describe("The build's page"),
  result: z.string().describe('SUCCESS or UNSTABLE'),
  values: z.record(z.string(), z.string()).describe('What the property file holds'),
});
export type JenkinsOutputs = z.output<typeof jenkinsOutputs>;
