/** What a script says of a simulated world, and what it expects: the schema of the file. */
import { z } from 'zod';
import { REASON_CODES } from '../../shared/core/reason.ts';
import { FATES } from '../../shared/kubernetes/sandbox-pods.ts';
import { duration } from '../../shared/pipeline/duration.ts';
import { DECISION_REFUSALS } from '../../shared/use-cases/decide-stage.ts';

const MAXIMUM_NAME = 200;
const MAXIMUM_TEXT = 1_000;
const MAXIMUM_ENTRIES = 500;
const MAXIMUM_ATTEMPT = 10;
/** Monday morning in London, whenever it is run: a script's times mean the same in every year. */
const DEFAULT_START = '2026-01-05T09:00:00Z';
/** Each step of a stage that takes long is simulated. */
const LONGEST_WORK = '24h';

const name = z.string().min(1).max(MAXIMUM_NAME);
const span = duration({ minimum: '0s' });
const workSpan = duration({ minimum: '0s', maximum: LONGEST_WORK });
const attempt = z.int().min(1).max(MAXIMUM_ATTEMPT);
const reasonCode = z.enum(REASON_CODES);

export const eventSchema = z
  .strictObject({
    source: name.describe(
      'The source, as in its address /hooks/SOURCE: docker-hub, webhook/PATH, …; or cron, pipeline',
    ),
    headers: z
      .record(name, z.string().max(MAXIMUM_TEXT))
      .default({})
      .describe('Headers of the request by which the source tells its events apart, such as x-github-event'),
    body: z.json().describe('What the sender sends, as it sends it'),
  })
  .describe('What arrives from outside');
export type EventFile = z.output<typeof eventSchema>;

const startSchema = z
  .strictObject({
    images: z.record(name, name).default({}).describe('The tag, or the whole reference, of images by their name'),
    inputs: z.record(name, z.json()).default({}).describe("The pipeline's inputs"),
  })
  .describe('A start by hand');

const targetSchema = z
  .strictObject({
    labels: z
      .record(name, name)
      .optional()
      .describe('The labels that stages may select it by; a target that only an expression names is given some too'),
    images: z
      .record(name, z.enum(FATES))
      .default({})
      .describe(
        'How images fare here, by their name in the pipeline: broken cannot be pulled, crash ends again and again, ' +
          'slow takes 5 s to be ready, fail ends a Job badly',
      ),
    unreachable: z
      .array(
        z.strictObject({
          from: span.describe('Counted from the event'),
          to: span.optional().describe('Counted from the event; without it the cluster does not come back'),
        }),
      )
      .max(MAXIMUM_ENTRIES)
      .default([])
      .describe('When the cluster gives no answer'),
  })
  .describe('One target');

const failureSchema = z.strictObject({
  attempt: attempt.optional().describe('The attempt that fails; by default each one'),
  after: workSpan.default('0s').describe('How long the attempt works before it fails'),
  reason: reasonCode.default('stage-failed').describe('The code of the reason'),
  text: z.string().min(1).max(MAXIMUM_TEXT).optional().describe('The sentence for people'),
  retry: z
    .boolean()
    .default(true)
    .describe('Whether another attempt may mend it; false: the stage fails whatever its retry policy says'),
});
export type ScriptedFailure = z.output<typeof failureSchema>;

const answerSchema = z.union([
  z.strictObject({
    status: z.int().min(100).max(599).describe('The HTTP status'),
    headers: z.record(name, z.string().max(MAXIMUM_TEXT)).default({}),
    body: z.json().default('').describe('Text as it is; anything else is sent as JSON'),
    after: workSpan.default('0s').describe('How long the answer takes'),
  }),
  z.strictObject({
    unreachable: z.literal(true).describe('Nobody answers'),
    after: workSpan.default('0s').describe('After how long the caller knows'),
  }),
]);
export type ScriptedAnswer = z.output<typeof answerSchema>;

const stageSchema = z
  .strictObject({
    takes: workSpan.optional().describe('How long each attempt works before the stage does what its kind does'),
    fails: z
      .array(failureSchema)
      .min(1)
      .max(MAXIMUM_ATTEMPT)
      .optional()
      .describe('The attempts that fail instead of doing what the kind does'),
    outputs: z
      .record(name, z.json())
      .optional()
      .describe('The stage succeeds with these outputs instead of doing what its kind does'),
    answers: z
      .array(answerSchema)
      .min(1)
      .max(MAXIMUM_ENTRIES)
      .optional()
      .describe("What the stage's HTTP requests are answered, one after the other; the last one stays"),
  })
  .describe('What becomes of one stage');
export type ScriptedStage = z.output<typeof stageSchema>;

const signalSchema = z.strictObject({
  at: span.describe('When it comes, counted from the event'),
  stage: name.describe('The stage that it is for'),
  name: name.describe('What it is called: callback for a call-back'),
  attempt: attempt.optional().describe('The attempt that it is for; by default whichever there is'),
  value: z.json().default(null).describe('What it brings'),
});

const decisionSchema = z.strictObject({
  at: span.describe('When it is made, counted from the event'),
  stage: name.describe('The stage that it is about'),
  by: name.describe('Who decides'),
  groups: z.array(name).max(MAXIMUM_ENTRIES).default([]).describe('The groups that the person is in'),
  reject: z.boolean().default(false).describe('true: the person rejects; false: approves'),
  choice: name.optional().describe('What the person chooses'),
  reason: z.string().min(1).max(MAXIMUM_TEXT).optional().describe('Why'),
  refused: z.enum(DECISION_REFUSALS).optional().describe('The decision is expected to be refused, for this reason'),
});
export type ScriptedDecision = z.output<typeof decisionSchema>;

const expectationSchema = z.strictObject({
  stage: name.describe('The id of the stage; with several targets one for each: rest-us'),
  status: z.enum(['running', 'waiting', 'succeeded', 'failed', 'cancelled', 'skipped']),
  attempts: z.int().min(0).max(MAXIMUM_ATTEMPT).optional().describe('How many attempts there have been'),
  reason: reasonCode.optional().describe('The code of the reason'),
  at: span.optional().describe('When, to the second, counted from the event'),
  by: span.optional().describe('When at the latest, counted from the event'),
});
export type Expectation = z.output<typeof expectationSchema>;

export const scriptSchema = z
  .strictObject({
    name: name.optional().describe('What the script shows, in a few words'),
    pipeline: name.optional().describe("The pipeline's name, where the file has several"),
    'starts-at': z.iso
      .datetime({ offset: true, error: 'must be a time with its zone, such as 2026-05-01T10:00:00+09:00' })
      .default(DEFAULT_START)
      .describe('When the event arrives; by default a Monday morning'),
    event: eventSchema.optional(),
    start: startSchema.optional(),
    targets: z.record(name, targetSchema).default({}).describe('What is out of order on which target'),
    stages: z
      .record(name, stageSchema)
      .default({})
      .describe('What becomes of which stage; a stage that is not named does what its kind does, on the sandbox'),
    signals: z.array(signalSchema).max(MAXIMUM_ENTRIES).default([]).describe('Call-backs and the like'),
    decisions: z
      .array(decisionSchema)
      .max(MAXIMUM_ENTRIES)
      .default([])
      .describe('What people decide about stages that ask for approval'),
    cancel: z
      .strictObject({
        at: span.describe('When, counted from the event'),
        by: name.default('somebody').describe('Who'),
        reason: z.string().min(1).max(MAXIMUM_TEXT).optional().describe('Why'),
      })
      .optional()
      .describe('A person cancels the execution'),
    expect: z
      .array(expectationSchema)
      .max(MAXIMUM_ENTRIES)
      .optional()
      .describe('What is to happen, in this order. Of what happens at one moment, the order does not count'),
    exact: z.boolean().default(false).describe('true: nothing else may happen to any stage'),
    end: z
      .enum(['succeeded', 'failed', 'cancelled', 'skipped', 'not-started'])
      .optional()
      .describe('How the execution is to end'),
  })
  .check((context) => {
    const { event, start } = context.value;
    if (event === undefined || start === undefined) return;
    const message = 'stands beside event; give one of the two';
    context.issues.push({ code: 'custom', input: start, continue: true, message, path: ['start'] });
  })
  .describe('A script for gennaker simulate');
/** A checked script, in the words of the file. */
export type ScriptDefinition = z.output<typeof scriptSchema>;
