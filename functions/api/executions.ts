/** The routes of executions: read, follow, cancel, restart, signal. */
import { z } from 'zod';
import { SKIP_SIGNAL } from '../../shared/core/stage.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { DECISION_SIGNAL } from '../../shared/stages/approve/schema.ts';
import { HOLD_SIGNAL } from '../../shared/use-cases/holds/before-step.ts';
import type { RestartAnswer } from '../../shared/use-cases/request-restart.ts';
import type { SignalAnswer } from '../../shared/use-cases/signal-stage.ts';
import { eventStream } from './events-stream.ts';
import type { ExecutionFeed } from './execution-feed.ts';
import { type ApiRequest, actorOf, json, Refusal, readBody, readQuery } from './http.ts';
import type { Route } from './router.ts';

export type ExecutionCommands = {
  readonly cancelExecution: (command: {
    id: string;
    by: string;
    reason?: string;
  }) => Promise<{ is: 'stopping' } | { is: 'already-ended'; status: string } | { is: 'unknown' }>;
  readonly restartExecution: (command: { id: string; by: string; newest: boolean }) => Promise<RestartAnswer>;
  readonly signalStage: (command: {
    execution: string;
    stage: string;
    attempt?: number;
    signal: { id: string; name: string; value: z.core.util.JSONType };
  }) => Promise<SignalAnswer>;
};

export const DEFAULT_LIMIT = 50;
export const MAXIMUM_LIMIT = 200;
const MAXIMUM_NAME = 200;
const MAXIMUM_REASON = 500;
/** What a signal may bring, in bytes of JSON: a full mailbox of them still fits into its stage's document. */
const MAXIMUM_SIGNAL_BYTES = 8 * 1024;
/** Signals by which admins let a stage go on. */
const OWN_SIGNALS: readonly string[] = [SKIP_SIGNAL, HOLD_SIGNAL];
/** The token is shared, so who used it is known only where the client says so. */
export const UNNAMED = 'someone with the API token';

const by = z.string().trim().min(1).max(MAXIMUM_NAME).default(UNNAMED);

/** `limit` and `before` of every list; `before` is the time of an earlier page's last. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(MAXIMUM_LIMIT).default(DEFAULT_LIMIT),
  before: z.iso
    .datetime({ offset: true })
    .transform((time) => Date.parse(time))
    .optional(),
};
const ListQuery = z.strictObject({ ...pageQuery, pipeline: z.string().min(1).max(MAXIMUM_NAME).optional() });
const CancelBody = z.strictObject({ reason: z.string().trim().min(1).max(MAXIMUM_REASON).optional(), by });
const RestartBody = z.strictObject({
  by,
  /** With the newest plan of the pipeline instead of the one that it had. */
  newest: z.boolean().default(false),
});
export const signalValue = z
  .json()
  .refine(
    (value) => Buffer.byteLength(JSON.stringify(value)) <= MAXIMUM_SIGNAL_BYTES,
    `has more than ${MAXIMUM_SIGNAL_BYTES} bytes`,
  );
const SignalBody = z.strictObject({
  id: z.string().min(1).max(MAXIMUM_NAME),
  name: z.string().min(1).max(MAXIMUM_NAME),
  value: signalValue.default(null),
});

export function executionRoutes(feed: ExecutionFeed, commands: ExecutionCommands, clock: Clock): readonly Route[] {
  const found = (request: ApiRequest) => feed.find(request.parameters.id ?? '');
  return [
    {
      method: 'GET',
      pattern: '/api/executions',
      access: 'person',
      handle: async (request) => json(200, { items: await feed.list(readQuery(request, ListQuery)) }),
    },
    {
      method: 'GET',
      pattern: '/api/executions/:id',
      access: 'person',
      handle: async (request) => json(200, await feed.describe(await found(request))),
    },
    {
      method: 'GET',
      pattern: '/api/executions/:id/history',
      access: 'person',
      handle: async (request) => json(200, { items: await feed.history((await found(request)).id) }),
    },
    {
      method: 'GET',
      pattern: '/api/executions/:id/events',
      access: 'person',
      async handle(request) {
        const execution = await found(request);
        return eventStream({
          clock,
          signal: request.signal,
          async *events(signal) {
            for await (const detail of feed.follow(execution, signal)) {
              yield { event: 'execution', id: String(detail.revision), data: detail };
            }
          },
        });
      },
    },
    {
      method: 'POST',
      pattern: '/api/executions/:id/cancel',
      access: 'person',
      async handle(request) {
        const body = await readBody(request, CancelBody);
        const { id } = await found(request);
        const { reason } = body;
        const answer = await commands.cancelExecution({
          id,
          by: actorOf(request, body.by),
          ...(reason !== undefined && { reason }),
        });
        switch (answer.is) {
          case 'stopping':
            return json(202, { execution: id, is: 'stopping' });
          case 'already-ended':
            throw new Refusal(409, 'already-ended', `The execution ${id} has already ended (${answer.status}).`);
          case 'unknown':
            throw gone(id);
        }
      },
    },
    {
      method: 'POST',
      pattern: '/api/executions/:id/restart',
      access: 'person',
      async handle(request) {
        const body = await readBody(request, RestartBody);
        const { id } = await found(request);
        const answer = await commands.restartExecution({ id, by: actorOf(request, body.by), newest: body.newest });
        switch (answer.is) {
          case 'accepted':
            return json(202, { event: answer.event, execution: answer.execution, text: answer.text });
          case 'still-running': {
            const message = `The execution ${id} has not ended yet; wait for it, or stop it with gennaker cancel ${id}.`;
            throw new Refusal(409, 'still-running', message);
          }
          case 'succeeded': {
            const message = `The execution ${id} has succeeded, so nothing of it is left to do. Run the pipeline anew:  gennaker run ${answer.pipeline}`;
            throw new Refusal(409, 'succeeded', message);
          }
          case 'cannot-plan':
            throw new Refusal(422, 'cannot-plan', answer.text);
          case 'refused':
            throw new Refusal(409, 'refused', answer.text);
          case 'unknown':
            throw gone(id);
        }
      },
    },
    {
      method: 'POST',
      pattern: '/api/executions/:id/stages/:stage/signals',
      access: 'holder',
      async handle(request) {
        const signal = await readBody(request, SignalBody);
        if (OWN_SIGNALS.includes(signal.name)) {
          const way = 'POST it to …/skip or …/override, where the server knows who asks.';
          throw new Refusal(400, 'no-signal', `What lets a stage go on is not sent as a signal: ${way}`);
        }
        if (signal.name === DECISION_SIGNAL) {
          const way = 'POST it to …/approve or …/reject, where the server knows who decides.';
          throw new Refusal(400, 'no-signal', `A decision is not sent as a signal: ${way}`);
        }
        const { id } = await found(request);
        const stage = request.parameters.stage ?? '';
        const answer = await commands.signalStage({ execution: id, stage, signal });
        return replyToSignal(answer, id, stage);
      },
    },
  ];
}

function gone(id: string): Refusal {
  return new Refusal(404, 'not-found', `There is no execution "${id}"; gennaker get executions lists them.`);
}

function replyToSignal(answer: SignalAnswer, id: string, stage: string) {
  switch (answer.is) {
    case 'taken':
    case 'duplicate':
      return json(200, { is: answer.is });
    case 'tooLate':
      throw new Refusal(409, 'too-late', `The stage ${stage} of ${id} no longer waits for it: its time is over.`);
    case 'ended':
      throw new Refusal(409, 'ended', `The stage ${stage} of ${id} has ended.`);
    case 'full':
      throw new Refusal(
        429,
        'mailbox-full',
        `The stage ${stage} of ${id} has too many signals that it has not read yet.`,
      );
    case 'unknown':
      throw new Refusal(404, 'not-found', `The execution ${id} has no stage "${stage}" that has begun.`);
  }
}
