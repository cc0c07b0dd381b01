/**
 * The pipeline language's one schema: the source of the types, of the checks and of the JSON Schema for editors.
 * A checked definition keeps the words of the file and is valid input again, so it can be stored and read back.
 */
import { z } from 'zod';
import { DEFAULT_STARTS, MAXIMUM_QUEUE } from '../core/limits.ts';
import { repositoryProblem } from '../registry/reference.ts';
import { buildTriggerSchema } from '../triggers/build/schema.ts';
import { cronTriggerSchema } from '../triggers/cron/schema.ts';
import { gitTriggerSchema } from '../triggers/git/schema.ts';
import { imageTriggerSchema } from '../triggers/image/schema.ts';
import { pipelineTriggerSchema } from '../triggers/pipeline/schema.ts';
import { pubsubTriggerSchema } from '../triggers/pubsub/schema.ts';
import { storageTriggerSchema } from '../triggers/storage/schema.ts';
import { webhookTriggerSchema } from '../triggers/webhook/schema.ts';
import { duration, formatDuration } from './duration.ts';
import { hasExpression } from './expressions/text.ts';
import { checkFilter } from './image-filter.ts';
import { inputsSchema } from './inputs.ts';
import { manifestsSchema } from './manifests-schema.ts';
import { MAXIMUM_EXPRESSION, named, resolved, TEXT } from './texts.ts';
import { windowsSchema } from './windows-schema.ts';

export const MAXIMUM_STAGES = 400;
/** Stages of a plan, once those with several targets are counted for each. */
export const MAXIMUM_PLAN_STAGES = 400;
const MAXIMUM_IMAGES = 50;
const MAXIMUM_TRIGGERS = 50;
const MAXIMUM_TARGETS = 100;
const MAXIMUM_NOTIFICATIONS = 20;
const MAXIMUM_ATTEMPTS = 10;
const MAXIMUM_LIMIT = 100;
const MAXIMUM_TEXT = 1000;
const MAXIMUM_LABELS = 20;

const DNS_NAME = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
const pipelineName = named(DNS_NAME, 'lower-case letters, digits and "-", as in items-api');
const teamName = named(DNS_NAME, 'lower-case letters, digits and "-"');
const namespaceName = resolved(DNS_NAME, 'a Kubernetes namespace: lower-case letters, digits and "-"');
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
    repository: resolved(TEXT, 'the repository of an image', MAXIMUM_TEXT)
      .check((context) => {
        const message = hasExpression(context.value) ? undefined : repositoryProblem(context.value);
        if (message !== undefined)
          context.issues.push({ code: 'custom', input: context.value, continue: true, message });
      })
      .describe('Where the image lives, without a tag: asia-northeast1-docker.pkg.dev/acme/items/items-api'),
    tag: resolved(TEXT, 'a tag', 128).optional().describe('The tag, or a pattern of tags with "*" and "?": 1.2.*'),
    semver: resolved(TEXT, 'a range', 200).optional().describe('A range of semantic versions: ">=1.0.0 <2.0.0"'),
    regex: resolved(TEXT, 'a regular expression', 500)
      .optional()
      .describe('A regular expression (RE2) that the whole tag matches'),
  })
  .check((context) => {
    const { tag, semver, regex } = context.value;
    const given = [tag, semver, regex].filter((filter) => filter !== undefined);
    if (given.length !== 1) {
      const message = `takes exactly one of tag, semver and regex, not ${given.length === 0 ? 'none' : given.length}`;
      context.issues.push({ code: 'custom', input: context.value, continue: true, message });
      return;
    }
    const wrong = given.some((filter) => hasExpression(filter)) ? undefined : checkFilter(context.value);
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
  imageTriggerSchema,
  gitTriggerSchema,
  buildTriggerSchema,
  pubsubTriggerSchema,
  storageTriggerSchema,
  cronTriggerSchema,
  pipelineTriggerSchema,
  webhookTriggerSchema,
]);

/** Starts that a pipeline may allow itself in its span of time. */
const MAXIMUM_STARTS = 10_000;

const concurrencyFields = z.strictObject({
  group: resolved(TEXT, 'the name of a group', 200)
    .optional()
    .describe("Executions of one group share its limit; by default the pipeline's name"),
  limit: z.int().min(1).max(MAXIMUM_LIMIT).default(1).describe('How many executions of the group may run at once'),
  'when-busy': z
    .enum(['newest', 'queue', 'cancel-running', 'skip'])
    .default('newest')
    .describe(
      'When the group is full: keep only the newest waiting, queue all, cancel the running one, or skip the new one',
    ),
  queue: z
    .int()
    .min(1)
    .max(MAXIMUM_QUEUE)
    .optional()
    .describe(
      `With when-busy: queue, how many may wait; by default ${MAXIMUM_QUEUE}. One more is skipped, and says so`,
    ),
  starts: z
    .strictObject({
      limit: z.int().min(1).max(MAXIMUM_STARTS).describe('How many starts'),
      within: duration({ minimum: '1m', maximum: '1d' }).describe('In how long a time'),
    })
    .optional()
    .describe(
      `How often events from outside may start the pipeline, which stops one that causes its own events; by default ${DEFAULT_STARTS.limit} times within ${formatDuration(DEFAULT_STARTS.withinMs)}`,
    ),
});
export const concurrencySchema = concurrencyFields.check((context) => {
  const { queue, 'when-busy': whenBusy } = context.value;
  if (queue === undefined || whenBusy === 'queue') return;
  const message = `has no meaning with when-busy: ${whenBusy}; it bounds when-busy: queue`;
  context.issues.push({ code: 'custom', input: context.value, continue: true, message, path: ['queue'] });
});

export const NOTIFY_MOMENTS = ['started', 'waiting', 'succeeded', 'failed', 'cancelled'] as const;
const moments = z.array(z.enum(NOTIFY_MOMENTS)).min(1).max(NOTIFY_MOMENTS.length);
export const notifySchema = z.union([
  z.strictObject({
    slack: resolved(/^(#[^\s#,]{1,80}|[CGD][A-Z0-9]{5,20})$/, 'a Slack channel, as in "#items-deploys"', 81).describe(
      'The Slack channel',
    ),
    when: moments.default([...NOTIFY_MOMENTS]).describe('The moments to tell of; by default all of them'),
  }),
  z.strictObject({
    pubsub: resolved(/^[A-Za-z][A-Za-z0-9._~%+-]{2,254}$/, 'the name of a Pub/Sub topic', 255).describe(
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
  undo: z
    .enum(['none', 'this-target', 'all-targets'])
    .optional()
    .describe('Go back to what ran before: on no target (the default), on that of the stage, or on all of its targets'),
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

/** An expression, where the other things that may stand there are told in `words`. */
function expressionOr(words: string): z.ZodString {
  return z
    .string({ error: (issue) => (issue.input === undefined ? undefined : `must be ${words}`) })
    .max(MAXIMUM_EXPRESSION)
    .regex(/\$\{\{/, { error: `must be ${words}` });
}

const TARGETS_IN_WORDS = `a list of targets, as in [jp, us], or an expression that gives one`;

const labelSelector = z
  .record(z.string().min(1).max(100), z.string().min(1).max(200))
  .check(atMost(MAXIMUM_LABELS, 'labels'))
  .describe('Labels that a target must have; "*" and "?" stand for any characters: { env: prod, region: "asia-*" }');

const targetsSchema = z
  .union([
    z.array(resolved(DNS_NAME, 'the name of a target: lower-case letters, digits and "-"')).min(1).max(MAXIMUM_TARGETS),
    expressionOr(TARGETS_IN_WORDS),
    z.strictObject({
      names: z
        .union([
          z.array(resolved(DNS_NAME, 'the name of a target')).min(1).max(MAXIMUM_TARGETS),
          expressionOr(TARGETS_IN_WORDS),
        ])
        .optional()
        .describe('The targets by name'),
      labels: labelSelector.optional(),
      'max-parallel': z
        .int()
        .min(1)
        .max(MAXIMUM_TARGETS)
        .optional()
        .describe('How many targets at a time; by default all'),
      'fail-fast': z
        .boolean()
        .optional()
        .describe('false: the other targets go on where one fails, and the stage fails at the end'),
    }),
  ])
  .describe('Several targets: one stage for each, side by side');

const common = {
  uses: z
    .string()
    .min(1)
    .max(100)
    .describe('The kind of the stage, or a template and the versions of it that will do: microservice@2'),
  with: parametersSchema.default({}).describe("The kind's parameters, or the template's inputs"),
  needs: z
    .union([stageId.transform((id) => [id]), z.array(stageId).max(MAXIMUM_STAGES)])
    .default([])
    .describe('The stages that must have succeeded before'),
  if: z
    .union([z.boolean(), expressionOr('true, false or an expression that gives one of them')])
    .optional()
    .describe(`Where it gives false the stage is skipped: \${{ inputs.migrate }}`),
  timeout: duration().optional().describe('How long the stage may take, all attempts together; by default 1h'),
  retry: retrySchema.optional(),
  'on-failure': onFailureSchema.optional(),
};

/** A stage that a user puts into a template, or changes of one of its stages. */
const overrideSchema = z
  .strictObject({
    with: parametersSchema.optional().describe('Parameters that replace those of the template'),
    if: common.if,
    timeout: common.timeout,
    retry: common.retry,
    'on-failure': common['on-failure'],
  })
  .describe('What is different from the template in one of its stages');

const targetSchema = resolved(DNS_NAME, 'the name of a target: lower-case letters, digits and "-"').describe(
  'The target that the stage delivers to',
);

export const stageSchema = z
  .strictObject({
    ...common,
    target: targetSchema.optional(),
    targets: targetsSchema.optional(),
    insert: z
      .record(stageId, z.record(stageId, z.strictObject({ ...common, target: targetSchema.optional() })))
      .optional()
      .describe('For a template: stages of your own at the places that it names'),
    override: z
      .record(stageId, overrideSchema)
      .optional()
      .describe('For a template: what is different in its stages, by their ids'),
  })
  .describe('One stage');

export const imagesSchema = z
  .record(imageName, imageSchema)
  .check(atMost(MAXIMUM_IMAGES, 'images'))
  .default({})
  .describe('The images that it delivers, by a name of your choice');

/** What a template can hand on to the pipelines that use it. */
export const inheritable = {
  on: z
    .array(triggerSchema)
    .max(MAXIMUM_TRIGGERS)
    .optional()
    .describe('What starts it, beside a person, who always can'),
  concurrency: concurrencySchema.optional().describe('How many executions may run at once'),
  notify: z.array(notifySchema).max(MAXIMUM_NOTIFICATIONS).optional().describe('Whom to tell'),
};

export const stagesSchema = z
  .record(stageId, stageSchema)
  .check((context) => {
    if (Object.keys(context.value).length > 0) return;
    const message = 'has no stage; there must be at least one';
    context.issues.push({ code: 'custom', input: context.value, continue: true, message });
  })
  .describe('The work, by stage id');

export const definitionSchema = z
  .strictObject({
    pipeline: pipelineName.describe('The name of the pipeline'),
    team: teamName.default('default').describe('The team that owns it'),
    namespace: namespaceName
      .optional()
      .describe("The Kubernetes namespace that it delivers to; by default the team's name"),
    images: imagesSchema,
    inputs: inputsSchema.default({}).describe('What whoever starts it is asked for'),
    manifests: manifestsSchema.optional(),
    ...inheritable,
    windows: windowsSchema.optional(),
    timeout: duration().default('24h').describe('How long an execution may take'),
    defaults: defaultsSchema.optional(),
    stages: stagesSchema,
  })
  .describe('A Gennaker pipeline');

/** A checked pipeline, in the words of the file and with the language's defaults filled in. */
export type Definition = z.output<typeof definitionSchema>;
export type StageDefinition = Definition['stages'][string];
export type ImageDefinition = Definition['images'][string];
export type TriggerDefinition = z.output<typeof triggerSchema>;

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
