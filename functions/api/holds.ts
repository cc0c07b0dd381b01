/** The routes of windows, freezes and pauses, and those that let one stage go on. */
import { z } from 'zod';
import { windowsSchema } from '../../shared/pipeline/windows-schema.ts';
import type { Freeze, HoldScope, Holds, Pause } from '../../shared/ports/holds.ts';
import { timestamp } from '../../shared/use-cases/describe-execution.ts';
import type { HoldService, ScopedAnswer } from '../../shared/use-cases/holds/service.ts';
import type { ExecutionFeed } from './execution-feed.ts';
import { UNNAMED } from './executions.ts';
import { type ApiRequest, actorOf, json, Refusal, type Reply, readBody } from './http.ts';
import type { Route } from './router.ts';

export type HoldCommands = { readonly holds: HoldService };

/** The holds as the API shows them; times are ISO 8601, UTC. */
export type HoldsDescription = {
  readonly windows: Holds['windows'];
  readonly freezes: readonly (Omit<Freeze, 'at' | 'from' | 'until'> & {
    readonly at: string;
    readonly from: string | null;
    readonly until: string | null;
  })[];
  readonly pauses: readonly (Omit<Pause, 'at'> & { readonly at: string })[];
};

const NAME = '[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?';
const WINDOW_SCOPE = new RegExp(`^(?:target|team|pipeline):${NAME}$`, 'u');
const FREEZE_SCOPE = new RegExp(`^(?:all|(?:target|team|pipeline):${NAME})$`, 'u');
const PAUSE_SCOPE = new RegExp(
  `^(?:(?:target|pipeline):${NAME}|execution:[a-z0-9]{1,40}|trigger:${NAME}/\\d{1,3})$`,
  'u',
);

const reason = z.string().trim().min(1).max(500);
const by = z.string().trim().min(1).max(200).default(UNNAMED);
const time = z.iso
  .datetime({ offset: true, error: 'must be a time with its zone, such as 2027-05-06T00:00:00+09:00' })
  .transform((text) => Date.parse(text));
const WindowsBody = z.strictObject({ windows: z.union([windowsSchema, z.tuple([])]), by });
const freezeFields = {
  scope: z.string().regex(FREEZE_SCOPE, 'must be all, or target:NAME, team:NAME or pipeline:NAME'),
  reason,
  from: time.optional(),
  until: time.optional(),
};
const FreezeBody = z.strictObject({ ...freezeFields, by });
/** Those of a file; with those that people make there may be as many as the document of holds takes. */
const MAXIMUM_FREEZES = 200;
const freezesOfFile = z
  .array(
    z.strictObject({
      ...freezeFields,
      scope: freezeFields.scope.default('all'),
      name: z.string().regex(new RegExp(`^${NAME}$`, 'u'), 'must be a name: lower-case letters, digits and "-"'),
    }),
  )
  .max(MAXIMUM_FREEZES)
  .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'gives two freezes one name');
const FreezesBody = z.strictObject({ freezes: freezesOfFile, by });
const LiftBody = z.strictObject({ by });
const PauseBody = z.strictObject({ reason, by });
const ResumeBody = z.strictObject({ reason: reason.optional(), by });

export function holdRoutes(feed: Pick<ExecutionFeed, 'find'>, { holds }: HoldCommands): readonly Route[] {
  return [
    {
      method: 'GET',
      pattern: '/api/holds',
      access: 'person',
      handle: async () => json(200, describe(await holds.read())),
    },
    {
      method: 'PUT',
      pattern: '/api/windows/:scope',
      access: 'holder',
      async handle(request) {
        const scope = scopeOf(request, WINDOW_SCOPE, 'target:NAME, team:NAME or pipeline:NAME');
        const body = await readBody(request, WindowsBody);
        return reply(await holds.setWindows({ scope, windows: body.windows, by: actorOf(request, body.by) }));
      },
    },
    {
      method: 'PUT',
      pattern: '/api/freezes/:scope',
      access: 'holder',
      async handle(request) {
        const id = scopeOf(request, new RegExp(`^${NAME}$`, 'u'), 'a name: lower-case letters, digits and "-"');
        const { from, until, ...body } = await readBody(request, FreezeBody);
        return reply(
          await holds.addFreeze({
            ...body,
            id,
            by: actorOf(request, body.by),
            ...(from === undefined ? {} : { from }),
            ...(until === undefined ? {} : { until }),
          }),
        );
      },
    },
    {
      method: 'PUT',
      pattern: '/api/freezes',
      access: 'holder',
      async handle(request) {
        const { freezes, by: claimed } = await readBody(request, FreezesBody);
        return reply(
          await holds.setFreezes({
            freezes: freezes.map(({ name, from, until, ...rest }) => ({
              ...rest,
              id: name,
              ...(from === undefined ? {} : { from }),
              ...(until === undefined ? {} : { until }),
            })),
            by: actorOf(request, claimed),
          }),
        );
      },
    },
    {
      method: 'POST',
      pattern: '/api/freezes/:scope/lift',
      access: 'holder',
      async handle(request) {
        const id = request.parameters.scope ?? '';
        const answer = await holds.liftFreeze({ id, by: actorOf(request, (await readBody(request, LiftBody)).by) });
        if (answer.is === 'unchanged') {
          throw new Refusal(404, 'not-found', `There is no freeze "${id}"; gennaker freeze list shows them.`);
        }
        return reply(answer);
      },
    },
    {
      method: 'PUT',
      pattern: '/api/pauses/:scope',
      access: 'person',
      async handle(request) {
        const scope = pausedScope(request);
        const body = await readBody(request, PauseBody);
        return reply(await holds.pause({ scope, reason: body.reason, by: actorOf(request, body.by) }));
      },
    },
    {
      method: 'POST',
      pattern: '/api/pauses/:scope/resume',
      access: 'person',
      async handle(request) {
        const scope = pausedScope(request);
        const body = await readBody(request, ResumeBody);
        const answer = await holds.resume({
          scope,
          by: actorOf(request, body.by),
          ...(body.reason === undefined ? {} : { reason: body.reason }),
        });
        if (answer.is === 'unchanged') throw new Refusal(404, 'not-found', `${scope} is not paused.`);
        return reply(answer);
      },
    },
    ...(['skip', 'override'] as const).map(
      (what): Route => ({
        method: 'POST',
        pattern: `/api/executions/:id/stages/:stage/${what}`,
        // Whoever may do this may go past approvals, windows and freezes.
        access: 'holder',
        async handle(request) {
          const body = await readBody(request, PauseBody);
          const { id: execution } = await feed.find(request.parameters.id ?? '');
          const stage = request.parameters.stage ?? '';
          const answer = await holds[what]({ execution, stage, reason: body.reason, by: actorOf(request, body.by) });
          switch (answer.is) {
            case 'taken':
              return json(202, { is: 'taken', execution, stage });
            case 'refused':
              throw new Refusal(409, 'not-possible', `${answer.text}.`);
            case 'unknown':
              throw new Refusal(404, 'not-found', `${execution} has no stage "${stage}" that has begun.`);
          }
        },
      }),
    ),
  ];
}

function scopeOf(request: ApiRequest, pattern: RegExp, words: string): HoldScope {
  const scope = request.parameters.scope ?? '';
  if (pattern.test(scope)) return scope;
  throw new Refusal(400, 'invalid-name', `"${scope}" will not do; it must be ${words}.`);
}

/** A target is everyone's, so only admins pause it. Throws Refusal. */
function pausedScope(request: ApiRequest): HoldScope {
  const words = 'target:NAME, pipeline:NAME, execution:ID or trigger:PIPELINE/POSITION';
  const scope = scopeOf(request, PAUSE_SCOPE, words);
  if (scope.startsWith('target:') && request.person?.isAdmin !== true) {
    throw new Refusal(403, 'forbidden', 'Only admins pause and resume targets, which all teams deliver to.');
  }
  return scope;
}

function reply(answer: ScopedAnswer): Reply {
  if (answer.is === 'unknown') throw new Refusal(404, 'not-found', answer.text);
  if (answer.is === 'refused') throw new Refusal(409, 'not-possible', `It was not done: ${answer.text}.`);
  return json(200, { is: answer.is });
}

function describe({ windows, freezes, pauses }: Holds): HoldsDescription {
  return {
    windows,
    freezes: freezes.map(({ at, from, until, ...rest }) => ({
      ...rest,
      at: timestamp(at),
      from: from === undefined ? null : timestamp(from),
      until: until === undefined ? null : timestamp(until),
    })),
    pauses: pauses.map(({ at, ...rest }) => ({ ...rest, at: timestamp(at) })),
  };
}
