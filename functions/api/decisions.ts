/** The routes by which people approve and reject: who decides is told by their token alone. */
import { z } from 'zod';
import { MAXIMUM_DECISION_REASON } from '../../shared/stages/approve/schema.ts';
import type { DecisionAnswer, DecisionCommand } from '../../shared/use-cases/decide-stage.ts';
import type { ExecutionFeed } from './execution-feed.ts';
import { json, Refusal, readBody } from './http.ts';
import type { Route } from './router.ts';

export type DecisionCommands = {
  readonly decideStage: (command: DecisionCommand) => Promise<DecisionAnswer>;
};

const reason = z.string().trim().min(1).max(MAXIMUM_DECISION_REASON).optional();
const plan = z
  .string()
  .regex(/^(sha256:)?[0-9a-f]{8,64}$/, 'must be the hash of a plan, or at least its first 8 digits')
  .optional();
const ApproveBody = z.strictObject({ choice: z.string().min(1).max(100).optional(), reason, plan });
const RejectBody = z.strictObject({ reason, plan });

/** 403 for what the person may not, 400 for what nobody may, 409 for what is no longer possible. */
const STATUSES: { readonly [code in Extract<DecisionAnswer, { is: 'refused' }>['code']]: number } = {
  'not-allowed': 403,
  'own-execution': 403,
  'choice-missing': 400,
  'unknown-choice': 400,
  'no-approval': 409,
  'other-choice': 409,
  'other-plan': 409,
  'decided-already': 409,
  'too-late': 409,
  ended: 409,
  busy: 503,
};

export function decisionRoutes(feed: Pick<ExecutionFeed, 'find'>, commands: DecisionCommands): readonly Route[] {
  const route = (is: 'approve' | 'reject'): Route => ({
    method: 'POST',
    pattern: `/api/executions/:id/stages/:stage/${is}`,
    access: 'person',
    async handle(request) {
      const { person, parameters } = request;
      if (person === undefined) throw new Refusal(401, 'unauthorized', 'Who decides is not known.');
      const body = is === 'approve' ? await readBody(request, ApproveBody) : await readBody(request, RejectBody);
      const { plan: seen, ...rest } = body;
      const { id } = await feed.find(parameters.id ?? '');
      const stage = parameters.stage ?? '';
      const answer = await commands.decideStage({
        execution: id,
        stage,
        person,
        decision: { is, ...rest },
        plan: seen,
      });
      switch (answer.is) {
        case 'taken':
          return json(200, { is: 'taken', execution: id, stage, decision: is, person: person.name });
        case 'refused':
          throw new Refusal(STATUSES[answer.code], answer.code, answer.text);
        case 'unknown': {
          const message = `${id} has no stage "${stage}" that has begun; gennaker get execution ${id} shows its stages.`;
          throw new Refusal(404, 'not-found', message);
        }
      }
    },
  });
  return [route('approve'), route('reject')];
}
