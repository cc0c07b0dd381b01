/** What an approval is given, remembers and tells, and what a person's decision brings. */
import { z } from 'zod';
import { duration } from '../../pipeline/duration.ts';

export const MAXIMUM_APPROVALS = 20;
const MAXIMUM_CHOICES = 20;
const MAXIMUM_GROUPS = 20;
const MAXIMUM_INSTRUCTIONS = 2_000;
const MAXIMUM_NAME = 200;
/** Of a decision's reason, in characters. */
export const MAXIMUM_DECISION_REASON = 500;

const group = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$/, 'must be the name of a group');
const groups = z.array(group).max(MAXIMUM_GROUPS);
const choice = z.string().trim().min(1).max(100);

export const approveParameters = z
  .strictObject({
    instructions: z
      .string()
      .trim()
      .min(1)
      .max(MAXIMUM_INSTRUCTIONS)
      .optional()
      .describe('What to look at before deciding; shown to whoever is asked'),
    choices: z
      .array(choice)
      .min(2)
      .max(MAXIMUM_CHOICES)
      .refine((names) => new Set(names).size === names.length, 'names a choice twice')
      .optional()
      .describe('What may be chosen; the choice is an output. Several approvals have to agree on one'),
    groups: groups.default([]).describe('The groups whose members may decide; empty: everyone who has a token'),
    count: z.int().min(1).max(MAXIMUM_APPROVALS).default(1).describe('How many people have to approve'),
    'self-approval': z
      .boolean()
      .default(false)
      .describe('Whether those may approve who started the execution or wrote its commits'),
    within: duration().default('24h').describe('How long there is to decide; after that the stage fails'),
    remind: duration({ minimum: '1m' }).optional().describe('How often those who may decide are asked again'),
    escalate: z
      .strictObject({
        after: duration({ minimum: '1m' }).describe('How long after the stage began'),
        to: groups.min(1).describe('The groups that may decide from then on, too'),
      })
      .optional()
      .describe('Who else may decide when nobody does'),
  })
  .check((context) => {
    const { escalate, groups: asked } = context.value;
    if (escalate === undefined || asked.length > 0) return;
    const message = 'has no meaning without groups: everyone may decide from the start';
    context.issues.push({ code: 'custom', input: escalate, continue: true, message, path: ['escalate'] });
  });
export type ApproveParameters = z.output<typeof approveParameters>;

const approval = z.strictObject({
  person: z.string().max(MAXIMUM_NAME),
  at: z.iso.datetime(),
  choice: z.string().optional(),
  reason: z.string().optional(),
});

export const approveCursor = z.strictObject({
  version: z.literal(1),
  /** Epoch ms. All times count from it. */
  since: z.int(),
  /** The end of the wait that was asked for last, in epoch ms. */
  asked: z.int().exactOptional(),
  approvals: z.array(approval).max(MAXIMUM_APPROVALS),
});
export type ApproveCursor = z.output<typeof approveCursor>;

export const approveOutputs = z.strictObject({
  choice: z.string().optional().describe('What was chosen, where there are choices'),
  by: z.array(z.string()).describe('Who approved, in the order of the approvals'),
  reason: z.string().optional().describe('The reason that the last of them gave'),
  approvals: z.array(approval).describe('Each approval: person, time, choice, reason'),
});
export type ApproveOutputs = z.output<typeof approveOutputs>;

/** The name under which decisions come. Only `decideStage` makes such signals; the API takes none from outside. */
export const DECISION_SIGNAL = 'decision';

/** What a decision brings to the stage: the person is the one whom the server knew by the token. */
export const decisionValue = z.object({
  is: z.enum(['approve', 'reject']),
  person: z.string().min(1).max(MAXIMUM_NAME),
  choice: z.string().optional(),
  reason: z.string().max(MAXIMUM_DECISION_REASON).optional(),
});
export type DecisionValue = z.output<typeof decisionValue>;
