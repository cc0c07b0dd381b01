/** Runs one pipeline once, from an event to its end, on virtual time; nothing outside this process is touched. */
import type { JsonObject } from '../../shared/core/json.ts';
import { STOP_LIMIT_MS } from '../../shared/core/limits.ts';
import type { Plan, StageId } from '../../shared/core/plan.ts';
import type { Execution, Transition } from '../../shared/core/run.ts';
import { checkedDurationMs, formatDuration } from '../../shared/pipeline/duration.ts';
import { readDefinition } from '../../shared/pipeline/parse.ts';
import type { Problem } from '../../shared/pipeline/problem.ts';
import type { Target } from '../../shared/pipeline/scope.ts';
import type { InboxEntry } from '../../shared/ports/inbox.ts';
import type { Renderer } from '../../shared/ports/renderer.ts';
import type { StageKind } from '../../shared/stages/kind.ts';
import { applyByHand } from '../../shared/use-cases/apply-by-hand.ts';
import { type DecisionAnswer, type DecisionCommand, decideStage } from '../../shared/use-cases/decide-stage.ts';
import { executionIdOf } from '../../shared/use-cases/engine.ts';
import { sourceEventMessage, TOPICS } from '../../shared/use-cases/messages.ts';
import { requestRun } from '../../shared/use-cases/request-run.ts';
import { type SignalAnswer, signalStage } from '../../shared/use-cases/signal-stage.ts';
import { settledOf } from '../../shared/use-cases/start-executions.ts';
import { cancelExecution } from '../../shared/use-cases/stop-execution.ts';
import { readEvent } from './event.ts';
import { scriptedClusters } from './far-ends.ts';
import { type Doings, ownCursor, scriptedKinds } from './kinds.ts';
import { checkScript, type Script, scriptOfStage } from './script.ts';
import { type EventFile, type ScriptedDecision, scriptSchema } from './script-schema.ts';
import { awaitedSignal, type SimulatedSystem, startSimulatedSystem } from './system.ts';
import { SimulationStuck, VirtualTime } from './time.ts';
import { Timeline, type TimelineEntry } from './timeline.ts';

/** By when an event has started what it starts, in ms of virtual time: even with redeliveries. */
const STARTED_WITHIN_MS = 10 * 60_000;
/** How long an execution may take beyond its own limit: stopping takes its time. */
const ENDED_WITHIN_MS = 2 * STOP_LIMIT_MS;

/** What starts the pipeline: what a source was sent, or a person's wish. */
export type Beginning =
  | { readonly is: 'event'; readonly event: EventFile }
  | { readonly is: 'start'; readonly images: { readonly [name: string]: string }; readonly inputs: JsonObject };

/** A file that holds one version of a template. */
export type TemplateFile = { readonly file: string; readonly text: string };

export type SimulateCommand = {
  /** The path of the pipeline file, for messages about it. */
  readonly file: string;
  readonly text: string;
  /** What the pipeline file names, by its path relative to it. */
  readonly files: { readonly [path: string]: string };
  readonly pipeline: string;
  /** The targets that the file's stages name. */
  readonly targets: readonly string[];
  /** Published before the pipelines are applied, in this order. */
  readonly templates?: readonly TemplateFile[];
  readonly kinds: ReadonlyMap<string, StageKind>;
  /** For manifests that programs render; virtual time stands still for them. */
  readonly renderer: Renderer;
  readonly beginning: Beginning;
  readonly script?: Script | undefined;
  readonly signal: AbortSignal;
};

/** What came of the signals of a script, in its order; undefined where the execution ended before one was sent. */
export type SignalResult = {
  readonly answer: SignalAnswer['is'] | undefined;
  /** A step was given it. */
  readonly isTaken: boolean;
};

export type Simulated =
  /** The pipeline or the script is not right; nothing has run. */
  | { readonly is: 'refused'; readonly problems: readonly Problem[] }
  | { readonly is: 'not-started'; readonly text: string }
  | {
      readonly is: 'ran';
      readonly startedAt: number;
      readonly execution: Execution;
      readonly plan: Plan;
      readonly timeline: readonly TimelineEntry[];
      /** What was announced, in the order of the revisions. */
      readonly history: readonly Transition[];
      readonly doings: Doings;
      readonly signals: readonly SignalResult[];
      /** What came of the decisions of the script, in its order; undefined where the execution ended before one. */
      readonly decisions: readonly (DecisionAnswer | undefined)[];
      /** The names of the signals that each stage has waited for. */
      readonly awaited: ReadonlyMap<StageId, ReadonlySet<string>>;
      readonly wasCancelled: boolean;
    };

/** Throws SimulationStuck, BadPayload for an event that its source does not take, and the signal's reason. */
export async function simulate(command: SimulateCommand): Promise<Simulated> {
  const { script } = command;
  const definition = script ?? scriptSchema.parse({});
  const time = new VirtualTime(Date.parse(definition['starts-at']));
  const clusters = scriptedClusters(time.clock, script);
  const scene = new Scene(command, time);
  const kinds = scriptedKinds(command.kinds, {
    time,
    doings: scene.doings,
    scriptOf: ({ pipeline, stage }) => (pipeline === command.pipeline ? scene.scriptOf(stage) : undefined),
  });
  const system = await startSimulatedSystem({
    time,
    kinds,
    renderer: command.renderer,
    targets: targetsOf(command),
    clusterOf: clusters.clusterOf,
    observer: scene,
  });
  try {
    return await scene.play(system, (plan) => clusters.begin(plan));
  } finally {
    clusters.stop();
    await system.stop();
  }
}

/** One run of the pipeline, seen from outside the system. */
class Scene {
  readonly doings: Doings = { attempts: new Map(), requests: new Map(), signals: new Set() };
  readonly #command: SimulateCommand;
  readonly #time: VirtualTime;
  readonly #startedAt: number;
  readonly #commits: Execution[] = [];
  readonly #awaited = new Map<StageId, Set<string>>();
  readonly #answers: (SignalAnswer['is'] | undefined)[];
  readonly #decisions: (DecisionAnswer | undefined)[];
  #id: string | undefined;
  #event: string | undefined;
  #entry: InboxEntry | undefined;
  #plan: Plan | undefined;
  #wasCancelled = false;

  constructor(command: SimulateCommand, time: VirtualTime) {
    this.#command = command;
    this.#time = time;
    this.#startedAt = time.clock.now();
    this.#answers = (command.script?.signals ?? []).map(() => undefined);
    this.#decisions = (command.script?.decisions ?? []).map(() => undefined);
  }

  execution(execution: Execution): void {
    if (execution.id === this.#id) this.#commits.push(execution);
  }

  run(run: Parameters<typeof awaitedSignal>[0]): void {
    const awaited = run.execution === this.#id ? awaitedSignal(run) : undefined;
    if (awaited === undefined) return;
    const names = this.#awaited.get(awaited.stage) ?? new Set();
    this.#awaited.set(awaited.stage, names.add(awaited.name));
  }

  entry(entry: InboxEntry): void {
    if (entry.id === this.#event) this.#entry = entry;
  }

  scriptOf(id: StageId) {
    const { script } = this.#command;
    const stage = this.#plan?.stages.find((one) => one.id === id);
    return script === undefined || stage === undefined ? undefined : scriptOfStage(script, stage);
  }

  async play(system: SimulatedSystem, whenPlanned: (plan: Plan) => void): Promise<Simulated> {
    const { file, text, files, kinds, script, templates = [] } = this.#command;
    for (const template of templates) {
      const published = await this.#settled(system.templates.publish({ ...template, by: 'simulation' }));
      if (published.is === 'refused') return published;
    }
    const applied = await this.#settled(applyByHand(system.planning, { file, text, files, by: 'simulation' }));
    if (applied.is === 'refused') return applied;
    const wrong = await this.#settled(this.#begin(system));
    if (wrong.length > 0) return { is: 'not-started', text: wrong.join('; ') };

    const isLookedAt = (): boolean => this.#commits.length > 0 || this.#entry !== undefined;
    await this.#until(isLookedAt, STARTED_WITHIN_MS, system);
    const [created] = this.#commits;
    if (created === undefined) return { is: 'not-started', text: this.#whyNot() };
    const { plan } = await system.engine.plans.get(created.plan);
    this.#plan = plan;
    const problems = script === undefined ? [] : checkScript(script, plan, kinds);
    if (problems.length > 0) return { is: 'refused', problems };
    whenPlanned(plan);
    this.#schedule(system);

    await this.#until(() => this.#isSettled() && this.#time.isQuiet(), plan.timeoutMs + ENDED_WITHIN_MS, system);
    const execution = this.#commits.at(-1) ?? created;
    const timeline = new Timeline(plan, this.#startedAt);
    for (const commit of this.#commits) timeline.add(commit);
    return {
      is: 'ran',
      startedAt: this.#startedAt,
      execution,
      plan,
      timeline: timeline.entries,
      history: await system.ports.history.read({ execution: execution.id }),
      doings: this.doings,
      signals: this.#answers.map((answer, index) => ({
        answer,
        isTaken: this.doings.signals.has(signalIdOf(index)),
      })),
      decisions: this.#decisions,
      awaited: this.#awaited,
      wasCancelled: this.#wasCancelled,
    };
  }

  /** Lets the event arrive. Returns what is wrong with the inputs that were given. */
  async #begin({ ports, planning }: SimulatedSystem): Promise<readonly string[]> {
    const { pipeline, beginning } = this.#command;
    const { clock } = this.#time;
    if (beginning.is === 'start') {
      const { images, inputs } = beginning;
      const wish = { pipeline, requestId: 'simulation', images, inputs, by: 'simulation' };
      const answer = await requestRun({ ...ports, clock }, wish);
      if (answer.is === 'unknown') throw new Error(`starting ${pipeline}: it was applied and is not there`);
      if (answer.is === 'wrong') return answer.problems;
      this.#event = answer.event;
      this.#id = answer.execution;
      return [];
    }
    const applied = await ports.pipelines.get({ name: pipeline });
    if (applied === undefined)
      throw new Error(`letting an event arrive for ${pipeline}: it was applied and is not there`);
    const definition = await settledOf(planning, applied, readDefinition(applied.definition));
    const event = readEvent(beginning.event, this.#startedAt, definition);
    this.#event = event.id;
    this.#id = executionIdOf(pipeline, event.id);
    await ports.bus.publish({ topic: TOPICS.events, messages: [sourceEventMessage(event, event)] });
    return [];
  }

  /** The signals and the cancel of the script, each at its time. */
  #schedule(system: SimulatedSystem): void {
    const { script } = this.#command;
    const { clock } = this.#time;
    const execution = this.#id ?? '';
    const at = (span: string, what: string, work: () => Promise<unknown>): void => {
      const delayMs = Math.max(0, this.#startedAt + checkedDurationMs(span) - clock.now());
      clock.after(delayMs, () => {
        if (this.#hasEnded()) return;
        const { end } = this.#time.begin(what);
        work()
          .catch((error: unknown) => system.engine.log.write('ERROR', `${what} failed`, { error }))
          .finally(end);
      });
    };
    for (const [index, { stage, name, value, attempt, at: span }] of (script?.signals ?? []).entries()) {
      at(span, `signal ${name} for ${stage}`, async () => {
        const signal = { id: signalIdOf(index), name, value };
        const forAttempt = attempt === undefined ? {} : { attempt };
        const answer = await signalStage(system.engine, { execution, stage, signal, ...forAttempt });
        this.#answers[index] = answer.is;
      });
    }
    for (const [index, decision] of (script?.decisions ?? []).entries()) {
      at(decision.at, `decision on ${decision.stage}`, async () => {
        this.#decisions[index] = await decideStage(system.engine, decisionOf(execution, decision));
      });
    }
    const cancel = script?.cancel;
    if (cancel === undefined) return;
    at(cancel.at, 'cancel', async () => {
      const { is } = await cancelExecution(system.engine, { id: execution, by: cancel.by, reason: cancel.reason });
      this.#wasCancelled = is === 'stopping';
    });
  }

  #hasEnded(): boolean {
    return this.#commits.at(-1)?.phase.is === 'ended';
  }

  /** At its end, and all that its end caused was sent. */
  #isSettled(): boolean {
    const last = this.#commits.at(-1);
    return last?.phase.is === 'ended' && last.sweepAt === undefined;
  }

  #whyNot(): string {
    const { pipeline, file } = this.#command;
    const verdicts = (this.#entry?.verdicts ?? []).filter((verdict) => verdict.pipeline === pipeline);
    const texts = verdicts.flatMap((verdict) => ('text' in verdict ? [verdict.text] : []));
    if (this.#entry?.refused !== undefined) texts.push(this.#entry.refused);
    return texts.join(' ') || `No trigger of ${pipeline} in ${file} looks at this event.`;
  }

  async #until(isOver: () => boolean, withinMs: number, { trouble }: SimulatedSystem): Promise<void> {
    const { signal, pipeline } = this.#command;
    await this.#time.run({ isOver, until: this.#startedAt + withinMs, signal });
    if (isOver()) return;
    const what = this.#commits.length === 0 ? 'did not start' : 'did not come to its end';
    const last = trouble();
    const why = last === undefined ? '.' : `. The last trouble was: ${last}`;
    throw new SimulationStuck(`${pipeline} ${what} within ${formatDuration(withinMs)} of its own time${why}`);
  }

  /** The promise's result, with the turns that it needs. */
  async #settled<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    promise.then(settle, settle);
    await this.#time.run({ isOver: () => isSettled, until: this.#startedAt, signal: this.#command.signal });
    return promise;
  }
}

/** Any name is that of a target here; labels come from the script. */
function targetsOf({ targets, script }: SimulateCommand): readonly Target[] {
  const scripted = script?.targets ?? {};
  const names = new Set([...targets, ...Object.keys(scripted)]);
  return [...names].map((name) => ({ name, labels: scripted[name]?.labels ?? {} }));
}

function decisionOf(execution: string, scripted: ScriptedDecision): DecisionCommand {
  const { stage, by, groups, reject, choice, reason } = scripted;
  return {
    execution,
    stage,
    person: { name: by, groups, aliases: [], isAdmin: false },
    cursorOf: ({ cursor }) => ownCursor(cursor),
    decision: {
      is: reject ? 'reject' : 'approve',
      ...(choice === undefined ? {} : { choice }),
      ...(reason === undefined ? {} : { reason }),
    },
  };
}

function signalIdOf(index: number): string {
  return `script-${index}`;
}
