/** The routes of plans: what uploaded pipelines would change, and applying exactly that. */
import { z } from 'zod';
import { MAXIMUM_IMAGES } from '../../shared/triggers/source.ts';
import type { AppliedUpload, PlanApplied } from '../../shared/use-cases/apply-plan.ts';
import type { TeamUpload } from '../../shared/use-cases/check-pipelines.ts';
import { CannotPlan } from '../../shared/use-cases/make-plan.ts';
import { type PlanBasis, planBasis } from '../../shared/use-cases/plan-basis.ts';
import type { PlanReport, PlanRequest } from '../../shared/use-cases/plan-pipelines.ts';
import { chosenImage } from '../../shared/use-cases/request-run.ts';
import { type ApiRequest, json, Refusal, readBody } from './http.ts';
import {
  ApplyBody,
  bounded,
  imageChoice,
  key,
  MAXIMUM_INPUTS,
  name,
  type PipelineProblem,
  refusedPipelines,
} from './pipelines.ts';
import type { Route } from './router.ts';

export type PlanCommands = {
  readonly planPipelines: (
    command: TeamUpload & { readonly request: PlanRequest; readonly live: 'compare'; readonly signal: AbortSignal },
  ) => Promise<PlanReport | { readonly is: 'refused'; readonly problems: readonly PipelineProblem[] }>;
  readonly applyPlan: (
    command: AppliedUpload & {
      readonly request: PlanRequest;
      readonly bases: readonly PlanBasis[];
      readonly signal: AbortSignal;
    },
  ) => Promise<PlanApplied>;
};

const MAXIMUM_PIPELINES = 100;

const inputs = bounded(z.record(key, z.json()), MAXIMUM_INPUTS).default({});
const PlanBody = ApplyBody.omit({ override: true }).extend({
  images: bounded(z.record(key, imageChoice), MAXIMUM_IMAGES).default({}),
  inputs,
  event: name.optional(),
});
const ApplyPlanBody = ApplyBody.extend({
  request: z.strictObject({
    images: bounded(
      z.record(key, z.strictObject({ tag: z.string().max(200), digest: z.string().max(100).optional() })),
      MAXIMUM_IMAGES,
    ),
    inputs,
    event: name.optional(),
    by: name,
    at: z.int(),
  }),
  bases: z.array(planBasis).min(1).max(MAXIMUM_PIPELINES),
});

export function planRoutes(commands: PlanCommands, clock: { now(): number }): readonly Route[] {
  return [
    {
      method: 'POST',
      pattern: '/api/plans',
      access: 'holder',
      handle: (request) =>
        sensibly(async () => {
          const { file, text, files, by, event, ...body } = await readBody(request, PlanBody);
          const asked: PlanRequest = {
            images: chosenImages(body.images),
            inputs: body.inputs,
            by,
            at: clock.now(),
            ...(event === undefined ? {} : { event }),
          };
          const command = { file, text, files, request: asked, live: 'compare', ...until(request) } as const;
          const answer = await commands.planPipelines(command);
          if (answer.is === 'refused') throw refusedPipelines(answer.problems, 'Nothing was planned.');
          return json(200, answer);
        }),
    },
    {
      method: 'POST',
      pattern: '/api/plans/apply',
      access: 'holder',
      handle: (request) =>
        sensibly(async () => {
          const answer = await commands.applyPlan({ ...(await readBody(request, ApplyPlanBody)), ...until(request) });
          if (answer.is === 'refused') throw refusedPipelines(answer.problems);
          if (answer.is === 'outdated') {
            const changed = `The plan no longer holds, and nothing was applied. ${answer.changes.join(' ')}`;
            throw new Refusal(409, 'plan-outdated', `${changed} Plan again.`);
          }
          return json(200, { pipelines: answer.pipelines, notes: answer.notes });
        }),
    },
  ];
}

const until = ({ signal }: ApiRequest): { signal: AbortSignal } => ({ signal });

/** The schema has refused whatever is no choice of an image. */
function chosenImages(images: { readonly [name: string]: string }): PlanRequest['images'] {
  return Object.fromEntries(
    Object.entries(images).flatMap(([image, text]) => {
      const chosen = chosenImage(text);
      return chosen === undefined ? [] : [[image, chosen]];
    }),
  );
}

/** A request that makes no sense as things are is the caller's to change. */
async function sensibly<T>(answer: () => Promise<T>): Promise<T> {
  try {
    return await answer();
  } catch (error) {
    if (error instanceof CannotPlan) throw new Refusal(422, 'cannot-plan', error.message, { cause: error });
    throw error;
  }
}
