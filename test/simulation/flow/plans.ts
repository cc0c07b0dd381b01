/** Plans of every kind that waits for people, times, windows, far ends and other pipelines, beside the probe's work. */
import type { Window } from '../../../shared/calendar/windows.ts';
import { WEEKDAYS } from '../../../shared/calendar/windows.ts';
import type { Json } from '../../../shared/core/json.ts';
import type { Plan, StagePlan } from '../../../shared/core/plan.ts';
import { approveParameters } from '../../../shared/stages/approve/schema.ts';
import { pipelineParameters } from '../../../shared/stages/pipeline/schema.ts';
import { waitParameters } from '../../../shared/stages/wait/schema.ts';
import { webhookParameters } from '../../../shared/stages/webhook/schema.ts';
import { pick } from '../plans.ts';
import type { ProbeStep } from '../probe.ts';
import type { World } from '../world.ts';

const MINUTE = 60_000;
export const TEAM = 'simulated';
/** The pipeline that the others run. */
export const CHILD = 'child';
export const FAR_END = 'https://far.example.com';

const KINDS = ['probe', 'probe', 'probe', 'approve', 'wait', 'pipeline', 'webhook'] as const;
type Kind = (typeof KINDS)[number];
const WORK: readonly ProbeStep[] = ['again', 'build', 'build', 'deliver', 'wait', 'signal', 'sameStep', 'newAttempt'];

/** Open for most of the day, from so many minutes after the world begins. */
export function opensAfter(minutes: number): Window {
  const two = (part: number): string => String(part).padStart(2, '0');
  const begins = `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
  return { days: WEEKDAYS, hours: `${begins}-23:59`, timezone: 'UTC', except: [] };
}

/** One or two pipelines, and the one that they run. */
export function flowPlans(world: World): Plan[] {
  const parents = Array.from({ length: world.between(1, 2) }, (_, index) => {
    const kinds = Array.from({ length: world.between(1, 4) }, () => pick(world, KINDS));
    return planOf(world, `p${index}`, kinds);
  });
  const kinds = Array.from({ length: world.between(1, 2) }, () => pick(world, ['probe', 'probe', 'approve'] as const));
  // A child that runs one of those that run it is refused, because it would never end.
  return [...parents, planOf(world, CHILD, world.next() < 0.1 ? [...kinds, 'pipeline'] : kinds)];
}

function planOf(world: World, pipeline: string, kinds: readonly Kind[]): Plan {
  const isQueue = pipeline === CHILD || world.next() < 0.3;
  const runs = pipeline === CHILD ? 'p0' : CHILD;
  const stages: StagePlan[] = [];
  for (const [position, kind] of kinds.entries()) {
    const needs = stages.map((one) => one.id).filter(() => world.next() < 0.6);
    stages.push(stageOf(world, `s${position}`, kind, needs, runs));
  }
  return {
    format: 1,
    pipeline,
    team: TEAM,
    namespace: TEAM,
    images: {},
    inputs: {},
    stages,
    concurrency: {
      group: `group of ${pipeline}`,
      limit: isQueue ? 2 : 1,
      whenBusy: isQueue ? 'queue' : pick(world, ['newest', 'cancel-running', 'skip'] as const),
    },
    ...(world.next() < 0.3 ? { windows: [opensAfter(world.between(5, 40))] } : {}),
    timeoutMs: 150 * MINUTE,
    notify: [],
  };
}

function stageOf(world: World, id: string, kind: Kind, needs: readonly string[], runs: string): StagePlan {
  const script = Array.from({ length: world.between(0, 3) }, () => pick(world, WORK));
  const isOnTarget = kind === 'probe' && (script.includes('deliver') || world.next() < 0.5);
  return {
    id,
    declaredAs: id,
    kind,
    ...(isOnTarget ? { target: pick(world, ['jp', 'us']) } : {}),
    needs,
    // What was delivered is rolled out, which takes its time.
    with:
      kind === 'probe'
        ? { script: script.flatMap((one) => (one === 'deliver' ? [one, 'roll'] : [one])) }
        : parametersOf(world, kind, runs),
    timeoutMs: pick(world, [60, 120]) * MINUTE,
    retry: { attempts: pick(world, [1, 2]), backOffMs: 30_000, maximumBackOffMs: 2 * MINUTE },
    onFailure: {
      then: pick(world, ['fail', 'continue'] as const),
      others: pick(world, ['cancel', 'finish'] as const),
    },
  };
}

function parametersOf(world: World, kind: Exclude<Kind, 'probe'>, runs: string): Json {
  switch (kind) {
    case 'approve':
      return approveParameters.parse({
        instructions: 'Look at the dashboards.',
        groups: ['leads'],
        count: pick(world, [1, 2, 2]),
        within: '60m',
        ...(world.next() < 0.5 ? { choices: ['blue', 'green'] } : {}),
        ...(world.next() < 0.5 ? { remind: '10m' } : {}),
        ...(world.next() < 0.5 ? { escalate: { after: '20m', to: ['ops'] } } : {}),
      }) as Json;
    case 'wait':
      return waitParameters.parse(
        pick(world, [
          { for: '7m' },
          { until: new Date(world.wallTime() + world.between(1, 60) * MINUTE).toISOString() },
          { windows: [opensAfter(world.between(10, 60))] },
        ]),
      ) as Json;
    case 'pipeline':
      return pipelineParameters.parse({ pipeline: runs, wait: world.next() < 0.8 });
    case 'webhook':
      return webhookParameters.parse(
        pick(world, [
          {
            url: `${FAR_END}/job`,
            poll: { 'url-from': 'headers.location', every: '30s', 'done-if': 'body.status == "done"' },
            cancel: { 'url-from': 'headers.location', method: 'DELETE' },
          },
          { url: `${FAR_END}/call-back`, 'wait-for-callback': true, 'callback-within': '40m' },
          { url: `${FAR_END}/busy` },
        ]),
      ) as Json;
  }
}
