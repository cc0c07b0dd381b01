/** Sends what a commit left outstanding, in the order that makes an answer a proof: announcements, then work and wakes, then the settling write. */
import { type IndexedPlan, moveExecution, stagePlanOf } from '../core/execution.ts';
import { type Effect, outstandingOfExecution, outstandingOfRun, startedSince } from '../core/outstanding.ts';
import type { Execution, ExecutionId, Run } from '../core/run.ts';
import type { Message } from '../ports/bus.ts';
import type { Versioned } from '../ports/execution-store.ts';
import type { Changed } from './change-execution.ts';
import { type StatePorts, wakeName } from './engine.ts';
import {
  announcementMessage,
  attendMessage,
  stopExecutionMessage,
  stopStageMessage,
  TOPICS,
  workMessage,
  workTopic,
} from './messages.ts';

/** The longest time ahead for which a wake-up is scheduled, in ms: Cloud Tasks takes 30 days. A longer wait is looked at in between. */
const LONGEST_WAKE_MS = 29 * 24 * 60 * 60_000;

/** Where an effect belongs: enough to address its message. */
export type Sender = {
  readonly execution: ExecutionId;
  readonly pipeline: string;
  readonly indexed: IndexedPlan;
  readonly trace: string | undefined;
};

export const senderOf = (indexed: IndexedPlan, of: Execution | Run): Sender => ({
  execution: 'id' in of ? of.id : of.execution,
  pipeline: indexed.plan.pipeline,
  indexed,
  trace: of.trace,
});

/** Sends all that the commit of `change` left outstanding, and settles what ended in it. `runs` are the runs that it changed. */
export async function sendChange(
  ports: StatePorts,
  changed: readonly Changed[],
  runs: readonly Run[] = [],
): Promise<void> {
  for (const { indexed, execution, version } of changed) {
    const own = runs.filter((run) => run.execution === execution.id);
    const effects = [
      ...outstandingOfExecution(execution),
      ...startedSince(execution, execution.revision - 1),
      ...own.flatMap(outstandingOfRun),
    ];
    await send(ports, senderOf(indexed, execution), effects);
    if (effects.some((effect) => effect.is === 'settle')) {
      await settle(ports, indexed, version === undefined ? undefined : { value: execution, version }, execution.id);
    }
  }
}

/** Sends effects of one execution: first every announcement, then the rest side by side. */
export async function send(ports: StatePorts, sender: Sender, effects: readonly Effect[]): Promise<void> {
  const announcements = effects.flatMap((effect) => (effect.is === 'announce' ? [effect.transitions] : []));
  const context = { pipeline: sender.pipeline, at: ports.clock.now(), trace: sender.trace };
  const { execution, pipeline } = sender;
  if (announcements.length > 0) {
    const messages = announcements.map((transitions) =>
      announcementMessage({ execution, pipeline, transitions: [...transitions] }, context),
    );
    await ports.bus.publish({ topic: TOPICS.transitions, messages });
  }
  const byTopic = new Map<string, Message[]>();
  const add = (topic: string, message: Message): void => {
    byTopic.set(topic, [...(byTopic.get(topic) ?? []), message]);
  };
  const topicOf = (stage: string): string => workTopic(stagePlanOf(sender.indexed, stage)?.target);
  const wakes: Promise<void>[] = [];
  for (const effect of effects) {
    switch (effect.is) {
      case 'work': {
        const { stage, attempt, step } = effect;
        add(topicOf(stage), workMessage({ execution, stage, attempt, step }, context));
        break;
      }
      case 'stopStage':
        add(
          topicOf(effect.stage),
          stopStageMessage({ execution, stage: effect.stage, revision: effect.revision }, context),
        );
        break;
      case 'stopExecution':
        add(workTopic(undefined), stopExecutionMessage({ execution: effect.execution, for: execution }, context));
        break;
      case 'attend':
        add(workTopic(undefined), attendMessage(effect.execution, context));
        break;
      case 'wake': {
        const { stage, attempt, step, turn, at } = effect;
        if (at <= context.at) {
          add(topicOf(stage), workMessage({ execution, stage, attempt, step }, context));
          break;
        }
        wakes.push(
          ports.wakeUps.schedule({
            name: wakeName([execution, stage, attempt, step, turn, at]),
            at: Math.min(at, context.at + LONGEST_WAKE_MS),
            topic: topicOf(stage),
            message: workMessage({ execution, stage, attempt, step }, context),
          }),
        );
        break;
      }
      case 'announce':
      case 'settle':
    }
  }
  const published = [...byTopic].map(([topic, messages]) => ports.bus.publish({ topic, messages }));
  await Promise.all([...published, ...wakes]);
}

/** Marks an ended execution as done with: everything that its end caused was sent. Losing a race is fine: the sweep settles it. */
async function settle(
  ports: StatePorts,
  indexed: IndexedPlan,
  known: Versioned<Execution> | undefined,
  id: ExecutionId,
): Promise<void> {
  const found = known ?? (await ports.executions.readExecution({ id }));
  if (found === undefined) return;
  const move = moveExecution(indexed, found.value, { is: 'settle' });
  if (!('moved' in move)) return;
  await ports.executions.commit({
    writes: [{ document: 'execution', value: move.moved, expected: found.version }],
  });
}

/** Sends again all that is outstanding of an execution, as its documents say, and settles it where it has ended. */
export async function attend(ports: StatePorts, id: ExecutionId): Promise<void> {
  // Runs before the execution: what a run says is due was then caused by a revision that the execution's document announces.
  const runs = await ports.executions.readRuns({ execution: id });
  const found = await ports.executions.readExecution({ id });
  if (found === undefined) return;
  const execution = found.value;
  const indexed = await ports.plans.get(execution.plan);
  const due = execution.phase.is === 'running' ? runs.flatMap((run) => outstandingOfRun(run.value)) : [];
  const effects = [...outstandingOfExecution(execution), ...due];
  await send(ports, senderOf(indexed, execution), effects);
  if (effects.some((effect) => effect.is === 'settle')) await settle(ports, indexed, found, id);
}
