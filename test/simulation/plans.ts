/** Random plans: most are small and odd, some are wide or long as no person would write them. */
import type { Plan, StagePlan } from '../../shared/core/plan.ts';
import type { ProbeStep } from './probe.ts';
import type { World } from './world.ts';

const MINUTE = 60_000;
/** How wide a fan may be; it is the width at which a document for each stage was measured to pay. */
const FAN = 40;
const CHAIN = 12;
const COMMON: readonly ProbeStep[] = [
  'again',
  'build',
  'build',
  'deliver',
  'deliver',
  'wait',
  'signal',
  'newAttempt',
  'sameStep',
  'long',
];
const BRIEF: readonly ProbeStep[] = ['again', 'build', 'sameStep'];

/** A plan for the pipeline of that number, whose executions count against `group`. */
export function randomPlan(world: World, index: number, group: string): Plan {
  return {
    format: 1,
    pipeline: `p${index}`,
    team: 'simulated',
    namespace: 'simulated',
    images: {},
    inputs: {},
    stages: world.seed % 4 === 3 ? asked(randomStages(world)) : randomStages(world),
    concurrency: {
      group,
      limit: pick(world, [1, 1, 2]),
      whenBusy: pick(world, ['newest', 'queue', 'cancel-running', 'skip'] as const),
    },
    timeoutMs: pick(world, [60, 180]) * MINUTE,
    notify: [],
  };
}

function randomStages(world: World): StagePlan[] {
  const shape = world.next();
  if (shape < 0.01) return [];
  if (shape < 0.02) {
    const ids = Array.from({ length: FAN }, (_, index) => `f${index}`);
    const branches = ids.map((id) => stage(world, id, ['root'], scriptOf(world, BRIEF, 1)));
    return [stage(world, 'root', [], []), ...branches, stage(world, 'join', ids, scriptOf(world, COMMON, 2))];
  }
  if (shape < 0.05) {
    return Array.from({ length: CHAIN }, (_, index) => {
      return stage(world, `c${index}`, index === 0 ? [] : [`c${index - 1}`], scriptOf(world, BRIEF, 1));
    });
  }
  const stages: StagePlan[] = [];
  const count = world.between(1, 5);
  for (let position = 0; position < count; position += 1) {
    const script = scriptOf(world, COMMON, 4);
    if (world.next() < 0.08) script.push('giveUp');
    if (world.next() < 0.04) script.push('kill');
    const needs = stages.map((one) => one.id).filter(() => world.next() < 0.4);
    stages.push(stage(world, `s${position}`, needs, script));
  }
  return stages;
}

/** A condition that is never met. */
export const NEVER = `\${{ execution.id == "" }}`;

/** The same stages, some of which wait for others to rest, have conditions, or parameters that only the execution tells. */
function asked(stages: readonly StagePlan[]): StagePlan[] {
  return stages.map((one, position) => {
    const before = stages[position - 2]?.id;
    const [need] = one.needs;
    const after = before === undefined || one.needs.includes(before) ? [] : [before];
    const met = need === undefined ? `\${{ execution.id != "" }}` : `\${{ stages["${need}"].at >= 0.0 }}`;
    return {
      ...one,
      ...(after.length === 0 ? {} : { after }),
      ...(position % 3 === 1 ? { if: position % 2 === 0 ? NEVER : met } : {}),
      ...(position % 2 === 0
        ? { with: { ...(one.with as object), told: `\${{ execution.id }}` }, isDynamic: true }
        : {}),
    };
  });
}

function scriptOf(world: World, steps: readonly ProbeStep[], most: number): ProbeStep[] {
  return Array.from({ length: world.between(0, most) }, () => pick(world, steps));
}

function stage(world: World, id: string, needs: readonly string[], script: readonly ProbeStep[]): StagePlan {
  const target = script.includes('deliver') || world.next() < 0.5 ? { target: pick(world, ['jp', 'us']) } : {};
  return {
    id,
    declaredAs: id,
    kind: 'probe',
    ...target,
    needs,
    with: { script },
    ...(world.next() < 0.06 ? { skip: 'its condition is false' } : {}),
    timeoutMs: pick(world, [20, 60, 120]) * MINUTE,
    retry: { attempts: pick(world, [1, 2, 3]), backOffMs: 10_000, maximumBackOffMs: MINUTE },
    onFailure: {
      then: pick(world, ['fail', 'fail', 'continue'] as const),
      others: pick(world, ['cancel', 'finish'] as const),
    },
  };
}

export function pick<T>(world: World, list: readonly T[]): T {
  const one = list[world.between(0, list.length - 1)];
  if (one === undefined) throw new TypeError('there is nothing to pick from');
  return one;
}
