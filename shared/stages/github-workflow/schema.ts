/** What a GitHub workflow stage is given, remembers and tells. */
import { z } from 'zod';
import { duration } from '../../pipeline/duration.ts';

/** GitHub's own bound on the inputs of a dispatch. */
const MAXIMUM_INPUTS = 25;
const inputName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_-]{0,99}$/, 'must be the name of an input');

export const githubWorkflowParameters = z
  .strictObject({
    repository: z
      .string()
      .regex(/^[A-Za-z0-9-]{1,39}\/[A-Za-z0-9._-]{1,100}$/, 'must be OWNER/NAME')
      .describe('The repository: acme/items'),
    workflow: z
      .string()
      .regex(/^([\w.-]{1,100}\.ya?ml|\d{1,15})$/, 'must be the name of a workflow file, such as release.yml')
      .describe('The file of the workflow, below .github/workflows'),
    ref: z
      .string()
      .regex(/^[\w./-]{1,200}$/, 'must be a branch or a tag')
      .default('main')
      .describe('The branch or tag whose workflow runs'),
    inputs: z
      .record(inputName, z.union([z.string().max(4_000), z.number(), z.boolean()]))
      .refine((given) => Object.keys(given).length < MAXIMUM_INPUTS, `has more than ${MAXIMUM_INPUTS - 1} inputs`)
      .default({})
      .describe("The workflow's inputs"),
    'key-input': inputName
      .default('gennaker_key')
      .describe('An input that the run-name of the workflow shows, by which the run is found'),
    token: z.string().min(1).max(200).describe('The secret that holds a token with the right actions: write'),
    'api-url': z
      .url({ protocol: /^https?$/, error: 'must be a URL such as https://github.example.com/api/v3' })
      .max(500)
      .default('https://api.github.com')
      .transform((text) => text.replace(/\/+$/u, ''))
      .describe("The REST API of a GitHub of one's own"),
    every: duration({ maximum: '10m' }).default('15s').describe('Between two looks'),
  })
  .check((context) => {
    const { inputs, 'key-input': key } = context.value;
    if (!Object.hasOwn(inputs, key)) return;
    const message = 'is set by Gennaker; name another one as key-input';
    context.issues.push({ code: 'custom', input: inputs, continue: true, message, path: ['inputs', key] });
  });
export type GithubWorkflowParameters = z.output<typeof githubWorkflowParameters>;

export const githubWorkflowCursor = z.discriminatedUnion('is', [
  z.strictObject({
    version: z.literal(1),
    is: z.literal('appearing'),
    /** Epoch ms: until then the run may still appear. */
    until: z.int(),
    /** Whether the dispatch was answered; otherwise it is sent where no run appears. */
    isSent: z.boolean(),
  }),
  z.strictObject({ version: z.literal(1), is: z.literal('running'), run: z.int() }),
]);
export type GithubWorkflowCursor = z.output<typeof githubWorkflowCursor>;

export const githubWorkflowOutputs = z.strictObject({
  run: z.int().describe("The run's id"),
  url: z.string().describe("The run's page"),
  conclusion: z.string().describe('success'),
});
export type GithubWorkflowOutputs = z.output<typeof githubWorkflowOutputs>;
