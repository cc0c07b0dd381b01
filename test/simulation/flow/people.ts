/** The people of a world: they freeze, pause and set windows, decide, skip, override and cancel, and ask again where they hear no answer. */
import type { Plan, StagePlan } from '../../../shared/core/plan.ts';
import { isHold } from '../../../shared/core/reason.ts';
import type { StageView } from '../../../shared/core/run.ts';
import type { Decider } from '../../../shared/stages/approve/rules.ts';
import { approveParameters } from '../../../shared/stages/approve/schema.ts';
import { CALLBACK_SIGNAL } from '../../../shared/stages/webhook/step.ts';
import { decideStage } from '../../../shared/use-cases/decide-stage.ts';
import { TooManyConflicts } from '../../../shared/use-cases/engine.ts';
import {
  addFreeze,
  type ChangePorts,
  liftFreeze,
  pauseScope,
  resumeScope,
  setWindows,
} from '../../../shared/use-cases/holds/change-holds.ts';
import { overrideHold, skipStage } from '../../../shared/use-cases/holds/let-go.ts';
import { signalStage } from '../../../shared/use-cases/signal-stage.ts';
import { cancelExecution } from '../../../shared/use-cases/stop-execution.ts';
import { pick } from '../plans.ts';
import { engineOf, type Parts } from '../ports.ts';
import { SimulatedFailure } from '../world.ts';
import { type Flow, nameOf } from './flow.ts';
import type { HeldDocument } from './held-document.ts';
import { CHILD, opensAfter, TEAM } from './plans.ts';

const MINUTE = 60_000;
const AGAIN_MS = 20_000;
/** How often somebody asks again; a storm is shorter. */
const PATIENCE = 400;

/** Whoever causes executions; may not approve them. */
export const STARTER = 'sam';
const PEOPLE: readonly Decider[] = [
  { name: 'ann', groups: ['leads'], aliases: [], isAdmin: false },
  { name: 'bob', groups: ['leads', 'ops'], aliases: [], isAdmin: false },
  { name: 'eve', groups: ['leads'], aliases: [], isAdmin: false },
  { name: 'cy', groups: ['ops'], aliases: [], isAdmin: false },
  { name: 'dan', groups: [], aliases: [], isAdmin: false },
  { name: STARTER, groups: ['leads'], aliases: [], isAdmin: false },
];
const ABOUT = { by: 'ann', reason: 'the database moves' } as const;

type Act = (ports: ChangePorts) => Promise<unknown>;

export class People {
  private readonly parts: Parts;
  private readonly flow: Flow;
  private readonly held: HeldDocument;
  private wishes = 0;

  constructor(parts: Parts, flow: Flow, held: HeldDocument) {
    this.parts = parts;
    this.flow = flow;
    this.held = held;
  }

  /** Puts on their way what holds everything up now and then, and those who look at what waits. */
  begin(): void {
    const { world } = this.parts;
    for (let count = world.between(1, 5); count > 0; count -= 1) {
      world.schedule(world.next() * 40 * MINUTE, () => this.holdSomething());
    }
    for (let count = world.between(0, 10); count > 0; count -= 1) {
      world.schedule(world.next() * 90 * MINUTE, () => this.meddle());
    }
  }

  /** Whoever may, and who may not, decides about each approval of a new execution. */
  decide(execution: string, plan: Plan): void {
    for (const stage of plan.stages) if (stage.kind === 'approve') this.decideStage(execution, stage);
  }

  private decideStage(execution: string, stage: StagePlan): void {
    const { world } = this.parts;
    const { choices = [] } = approveParameters.parse(stage.with);
    const together = world.next() < 0.4 ? world.next() * 40 * MINUTE : undefined;
    for (const person of PEOPLE) {
      if (world.next() < 0.2) continue;
      const is = world.next() < 0.08 ? 'reject' : 'approve';
      const choice = is === 'approve' && choices.length > 0 ? { choice: pick(world, choices) } : {};
      const decision = { is, ...choice } as const;
      const delay = together ?? world.next() * 50 * MINUTE;
      const times = [delay, ...(world.next() < 0.3 ? [delay] : []), ...(world.next() < 0.3 ? [delay + MINUTE] : [])];
      for (const at of times) {
        world.schedule(at, () => {
          this.ask(`${person.name} decides`, async (ports) => {
            const answer = await decideStage(ports, { execution, stage: stage.id, person, decision });
            const isTaken = answer.is === 'taken';
            this.flow.decisions.push({ execution, stage: stage.id, person: person.name, is, isTaken });
            return answer.is === 'unknown' || (answer.is === 'refused' && answer.code === 'busy') ? 'again' : 'done';
          });
        });
      }
    }
  }

  /** The far end calls back, mostly in time, now and then twice. */
  callBack(place: { readonly execution: string; readonly stage: string; readonly attempt: number }): void {
    const { world } = this.parts;
    const signal = { id: `callback-${place.attempt}`, name: CALLBACK_SIGNAL, value: {} };
    const delay = world.next() * (world.next() < 0.1 ? 60 : 10) * MINUTE;
    for (const at of world.next() < 0.3 ? [delay, delay] : [delay]) {
      world.schedule(at, () => {
        this.ask('the far end calls back', async (ports) => {
          const { is } = await signalStage(ports, { ...place, signal });
          return is === 'unknown' ? 'again' : 'done';
        });
      });
    }
  }

  private holdSomething(): void {
    const { world } = this.parts;
    const lastsMs = (world.next() < 0.3 ? 5 : 90) * world.next() * MINUTE;
    const { make, end } = this.someHold(lastsMs);
    this.ask('holds', make, () => {
      world.schedule(lastsMs, () => this.ask('lets go', end));
    });
  }

  private someHold(lastsMs: number): { readonly make: Act; readonly end: Act } {
    const { world, store } = this.parts;
    this.wishes += 1;
    const id = `freeze-${this.wishes}`;
    const { by } = ABOUT;
    const target = pick(world, ['target:jp', 'target:us']);
    const pipeline = pick(world, ['pipeline:p0', `pipeline:${CHILD}`]);
    const team = `team:${TEAM}`;
    switch (pick(world, ['freeze', 'pause', 'windows'] as const)) {
      case 'freeze': {
        const scope = pick(world, ['all', team, pipeline, target]);
        // Some end by themselves, before or after somebody lifts them.
        const until = world.next() < 0.5 ? { until: world.wallTime() + lastsMs * (0.5 + world.next()) } : {};
        return {
          make: (ports) => addFreeze(ports, { id, scope, ...ABOUT, ...until }),
          end: (ports) => liftFreeze(ports, { id, by }),
        };
      }
      case 'pause': {
        const executions = [...store.executions.keys()].map((one) => `execution:${one}`);
        const scope = pick(world, [pipeline, target, ...executions]);
        return {
          make: (ports) => pauseScope(ports, { scope, ...ABOUT }),
          end: (ports) => resumeScope(ports, { scope, by }),
        };
      }
      case 'windows': {
        const scope = pick(world, [pipeline, target, team]);
        const windows = [opensAfter(world.between(0, 120))];
        return {
          make: (ports) => setWindows(ports, { scope, windows, by }),
          end: (ports) => setWindows(ports, { scope, windows: [], by }),
        };
      }
    }
  }

  /** Somebody looks at what waits and does something about one of the stages. */
  private meddle(): void {
    const { world, store } = this.parts;
    const waiting = [...store.executions.values()].flatMap(({ value }) =>
      value.phase.is !== 'running'
        ? []
        : value.stages.filter((one) => one.status === 'waiting').map((view) => ({ id: value.id, view })),
    );
    const chosen = waiting.length === 0 ? undefined : pick(world, waiting);
    if (chosen !== undefined) this.moveOn(chosen.id, chosen.view);
  }

  private moveOn(execution: string, { id: stage, reason }: StageView): void {
    const { world } = this.parts;
    const command = { execution, stage, ...ABOUT };
    const kind = world.next();
    if (kind < 0.25) {
      this.ask('cancels', (ports) => cancelExecution(ports, { id: execution, by: 'ann' }));
    } else if (kind < 0.6 || !isHold(reason)) {
      this.ask('skips', (ports) => skipStage(ports, command));
    } else {
      this.flow.overridden.add(nameOf(command));
      this.ask('overrides', (ports) => overrideHold(ports, command));
    }
  }

  /** Asks until there is an answer, and goes on with `then`. Whatever fails otherwise than the world lets it is a fault. */
  private ask(what: string, act: Act, then: () => void = () => undefined, tries = 1): void {
    const { world } = this.parts;
    const again = (): void => {
      if (tries < PATIENCE) world.schedule(AGAIN_MS, () => this.ask(what, act, then, tries + 1));
    };
    const worker = world.worker(`a person who ${what}`, again);
    act({ ...engineOf(this.parts, worker), holds: this.held.portOf(worker) }).then(
      (answer) => (answer === 'again' ? again() : then()),
      (error: unknown) => {
        if (error instanceof SimulatedFailure || error instanceof TooManyConflicts) return again();
        this.flow.violations.push(`a person who ${what} was told: ${error instanceof Error ? error.stack : error}`);
      },
    );
  }
}
