/**
 * The pipeline language's one schema: the source of the types, of the checks and of the JSON Schema for editors.
 * A checked definition keeps the words of the file and is valid input again, so it can be stored and read back.
 */
import { z } from 'zod';
import { repositoryProblem } from '../registry/reference.ts';
import { duration } from './duration.ts';
import { checkFilter } from './image-filter.ts';

export const MAXIMUM_STAGES = 200;
/** Stages of a plan, once those with several targets are counted for each. */
export const MAXIMUM_PLAN_STAGES = 400;
const MAXIMUM_IMAGES = 50;
const MAXIMUM_TRIGGERS = 50;
const MAXIMUM_TARGETS = 100;
const MAXIMUM_NOTIFICATIONS = 20;
const MAXIMUM_FILE_PATTERNS = 100;
const MAXIMUM_ATTEMPTS = 10;
const MAXIMUM_LIMIT = 100;
const MAXIMUM_TEXT = 1000;

/** A pattern whose failure is told in words. */
function named(pattern: RegExp, words: string, maximumLength = 63): z.ZodString {
  return z
    .string()
    .max(maximumLength)
    .regex(pattern, { error: (issue) => `must be ${words}, not "${String(issue.input)}"` });
}

const DNS_NAME = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
const pipelineName = named(DNS_NAME, 'lower-case letters, digits and "-", as in items-api');
const teamName = named(DNS_NAME, 'lower-case letters, digits and "-"');
const namespaceName = named(DNS_NAME, 'a Kubernetes namespace: lower-case letters, digits and "-"');
export const targetName = named(DNS_NAME, 'the name of a target: lower-case letters, digits and "-"');
export const stageId = named(
  /^[a-z][a-z0-9_]*$/,
  'a stage id: a lower-case letter, then lower-case letters, digits and "_"',
);
const imageName = named(
  /^[a-z][a-z0-9_]*$/,
  'an image name: a lower-case letter, then lower-case letters, digits and "_"',
);

const imageSchema = z
  .strictObject({
    repository: z
      .string()
      .max(MAXIMUM_TEXT)
      .check((context) => {
        const message = repositoryProblem(context.value);
        if (message !== undefined)
          context.issues.push({ code: 'custom', input: context.value, continue: true, message });
      })
      .describe('Where the image lives, without a tag: asia-northeast1-docker.pkg.dev/acme/items/items-api'),
    tag: z.string().max(128).optional().describe('The tag, or a pattern of tags with "*" and "?": 1.2.*'),
    semver: z.string().max(200).optional().describe('A range of semantic versions: ">=1.0.0 <2.0.0"'),
    regex: z.string().max(500).optional().describe('A regular expression (RE2) that the whole tag matches'),
  })
  .check((context) => {
    const { tag, semver, regex } = context.value;
    const given = [tag, semver, regex].filter((filter) => filter !== undefined).length;
    if (given !== 1) {
      const message = `takes exactly one of tag, semver and regex, not ${given === 0 ? 'none' : given}`;
      context.issues.push({ code: 'custom', input: context.value, continue: true, message });
      return;
    }
    const wrong = checkFilter(context.value);
    if (wrong !== undefined) {
      context.issues.push({
        code: 'custom',
        input: context.value,
        continue: true,
        message: wrong.text,
        path: [wrong.field],
      });
    }
  })
  .meta({ oneOf: [{ required: ['tag'] }, { required: ['semver'] }, { required: ['regex'] }] })
  .describe('An image that the pipeline delivers, and which of its tags count');

/** Each kind of trigger is an object with a key of its own. */
const triggerSchema = z.union([
  z.strictObject({ push: imageName.describe('The name, under images, of the image whose push starts the pipeline') }),
]);

const manifestsSchema = z
  .strictObject({
    files: z
      .array(z.string().min(1).max(MAXIMUM_TEXT))
      .min(1)
      .max(MAXIMUM_FILE_PATTERNS)
      .describe('Paths or globs of YAML and JSON files, relative to the pipeline file'),
  })
  .describe('The Kubernetes objects that the pipeline delivers');

const concurrencySchema = z
  .strictObject({
    group: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe("Executions of one group share its limit; by default the pipeline's name"),
    limit: z.int().min(1).max(MAXIMUM_LIMIT).default(1).describe('How many executions of the group may run at once'),
    'when-busy': z
      .enum(['newest', 'queue', 'cancel-running', 'skip'])
      .default('newest')
      .describe(
        'When the group is full: keep only the newest waiting, queue all, cancel the running one, or skip the new one',
      ),
  })
  .prefault({});

export const NOTIFY_MOMENTS = ['started', 'waiting', 'succeeded', 'failed', 'cancelled'] as const;
const moments = z.array(z.enum(NOTIFY_MOMENTS)).min(1).max(NOTIFY_MOMENTS.length);
const notifySchema = z.union([
  z.strictObject({
    slack: named(/^(#[^\s#,]{1,80}|[CGD][A-Z0-9]{5,20})$/, 'a Slack channel, as in "#items-deploys"', 81).describe(
      'The Slack channel',
    ),
    when: moments.default([...NOTIFY_MOMENTS]).describe('The moments to tell of; by default all of them'),
  }),
  z.strictObject({
    pubsub: named(/^[A-Za-z][A-Za-z0-9._~%+-]{2,254}$/, 'the name of a Pub/Sub topic', 255).describe(
      'The Pub/Sub topic',
    ),
    when: moments.optional().describe('The moments to tell of; by default every transition'),
  }),
]);

const retrySchema = z.strictObject({
  attempts: z
    .int()
    .min(1)
    .max(MAXIMUM_ATTEMPTS)
    .optional()
    .describe('How often the stage may be attempted in all; by default 1'),
  'back-off': duration({ maximum: '5m' })
    .optional()
    .describe('The wait before the second attempt, doubled before each later one up to 5m; by default 10s'),
});

const onFailureSchema = z.strictObject({
  then: z
    .enum(['fail', 'continue'])
    .optional()
    .describe('fail: the execution fails (the default). continue: the stages after it run as if it had succeeded'),
  others: z
    .enum(['cancel', 'finish'])
    .optional()
    .describe('When the execution fails: cancel the other branches now (the default), or let them finish first'),
});

const defaultsSchema = z
  .strictObject({
    timeout: duration().optional().describe('How long each stage may take; by default 1h'),
    retry: retrySchema.optional(),
    'on-failure': onFailureSchema.optional(),
  })
  .describe('What holds for each stage that does not say otherwise');

/** What a stage kind is given, as it stands in a file. */
export const parametersSchema = z.record(z.string().max(200), z.json());

const stageSchema = z
  .strictObject({
    uses: z.string().min(1).max(100).describe('The kind of the stage'),
    with: parametersSchema.default({}).describe("The kind's parameters"),
    needs: z
      .union([stageId.transform((id) => [id]), z.array(stageId).max(MAXIMUM_STAGES)])
      .default([])
      .describe('The stages that must have succeeded before'),
    target: targetName.optional().describe('The target that the stage delivers to'),
    targets: z
      .array(targetName)
      .min(1)
      .max(MAXIMUM_TARGETS)
      .optional()
      .describe('Several targets: one stage for each, side by side'),
    if: z.boolean().optional().describe('false: the stage is skipped'),
    timeout: duration().optional().describe('How long the stage may take, all attempts together; by default 1h'),
    retry: retrySchema.optional(),
    'on-failure': onFailureSchema.optional(),
  })
  .describe('One stage');

export const definitionSchema = z
  .strictObject({
    pipeline: pipelineName.describe('The name of the pipeline'),
    team: teamName.default('default').describe('The team that owns it'),
    namespace: namespaceName
      .optional()
      .describe("The Kubernetes namespace that it delivers to; by default the team's name"),
    images: z
      .record(imageName, imageSchema)
      .check(atMost(MAXIMUM_IMAGES, 'images'))
      .default({})
      .describe('The images that it delivers, by a name of your choice'),
    on: z
      .array(triggerSchema)
      .max(MAXIMUM_TRIGGERS)
      .default([])
      .describe('What starts it, beside a person, who always can'),
    manifests: manifestsSchema.optional(),
    concurrency: concurrencySchema.describe('How many executions may run at once'),
    notify: z.array(notifySchema).max(MAXIMUM_NOTIFICATIONS).default([]).describe('Whom to tell'),
    timeout: duration().default('24h').describe('How long an execution may take'),
    defaults: defaultsSchema.optional(),
    stages: z
      .record(stageId, stageSchema)
      .check((context) => {
        if (Object.keys(context.value).length > 0) return;
        const message = 'has no stage; a pipeline has at least one';
        context.issues.push({ code: 'custom', input: context.value, continue: true, message });
      })
      .describe('The work, by stage id'),
  })
  .describe('A Gennaker pipeline');

/** A checked pipeline, in the words of the file and with the language's defaults filled in. */
export type Definition = z.output<typeof definitionSchema>;
export type StageDefinition = Definition['stages'][string];
export type ImageDefinition = Definition['images'][string];

function atMost(maximum: number, what: string): z.core.CheckFn<Record<string, unknown>> {
  return (context) => {
    const count = Object.keys(context.value).length;
    if (count <= maximum) return;
    context.issues.push({
      code: 'custom',
      input: context.value,
      continue: true,
      message: `has ${count} ${what}; at most ${maximum} are allowed`,
    });
  };
}
