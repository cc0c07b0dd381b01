/** A person approves or rejects a stage: what they may is decided here, by who the server knows them to be. */
import { stagePlanOf } from '../core/execution.ts';
import type { Json } from '../core/json.ts';
import type { Run } from '../core/run.ts';
import type { Inbox } from '../ports/inbox.ts';
import { type Decider, type DecisionRefusal, refusalOf } from '../stages/approve/rules.ts';
import {
  type ApproveParameters,
  approveParameters,
  DECISION_SIGNAL,
  type DecisionValue,
} from '../stages/approve/schema.ts';
import { pause, type StatePorts } from './engine.ts';
import { cursorOfKind } from './holds/before-step.ts';
import { remember } from './holds/change-holds.ts';
import { type SignalAnswer, signalStage } from './signal-stage.ts';
import { stageParameters } from './stage-parameters.ts';
import { namesBehind } from './who-caused.ts';

/** The kind whose stages people decide. */
const APPROVE = 'approve';
/** Between two reminders a stage takes a moment to wait again; a decision in that moment is tried so often more. */
const MAXIMUM_TRIES = 20;
const TRY_PAUSE_MS = 250;
/** Of a plan's hash, what has to be given at least: `sha256:` and eight digits, or the digits alone. */
const LEAST_HASH_DIGITS = 8;

export type DecisionCommand = {
  readonly execution: string;
  readonly stage: string;
  readonly person: Decider;
  readonly decision: Pick<DecisionValue, 'is' | 'choice' | 'reason'>;
  /** The hash of the plan that the person saw, or its beginning: refused where the execution runs another. */
  readonly plan?: string | undefined;
  /** Where the stage's cursor stands in its run's; in a simulation it is wrapped. */
  readonly cursorOf?: (run: Run) => Json | undefined;
};

/** Why a decision is refused, for programs. */
export const DECISION_REFUSALS = [
  'not-allowed',
  'own-execution',
  'decided-already',
  'too-late',
  'choice-missing',
  'unknown-choice',
  'other-choice',
  'no-approval',
  'ended',
  'other-plan',
  'busy',
] as const;
type DecisionRefusalCode = (typeof DECISION_REFUSALS)[number];

export type DecisionAnswer =
  | { readonly is: 'taken' }
  | { readonly is: 'unknown' }
  | {
      readonly is: 'refused';
      readonly code: DecisionRefusalCode;
      /** One sentence. */
      readonly text: string;
    };

type Refused = Extract<DecisionAnswer, { is: 'refused' }>;

/** The decision is refused by what stands in the run that it would be committed to. */
class DecisionRefused extends Error {
  override readonly name = 'DecisionRefused';
  readonly refusal: DecisionRefusal;

  constructor(refusal: DecisionRefusal) {
    super(refusal.text);
    this.refusal = refusal;
  }
}

const refused = (code: Refused['code'], text: string): Refused => ({ is: 'refused', code, text });

/** Brings a person's decision to the stage. `taken` is a promise that it counts. */
export async function decideStage(ports: StatePorts, command: DecisionCommand): Promise<DecisionAnswer> {
  const { execution: id, stage, person, decision, cursorOf = cursorOfKind } = command;
  const run = (await ports.executions.readRun({ execution: id, stage }))?.value;
  const execution = (await ports.executions.readExecution({ id }))?.value;
  if (run === undefined || execution === undefined) return { is: 'unknown' };
  const other = otherPlan(command.plan, run);
  if (other !== undefined) return other;
  if (run.state.is === 'ended') return refused('ended', `${stage} has ended already: it ${run.state.end}.`);
  const parameters = await parametersOf(ports, run);
  if ('is' in parameters) return parameters;

  const value = { ...decision, person: person.name };
  const startedBy = namesBehind(execution.trigger);
  const admit = (found: Run): void => {
    // By a clock that is behind, it may seem in time to a run whose time has been found over.
    const now = Math.max(ports.clock.now(), found.at);
    const refusal = refusalOf({
      parameters,
      stage,
      person,
      decision,
      startedBy,
      run: { mail: uncounted(found), cursor: cursorOf(found) },
      now,
    });
    if (refusal !== undefined) throw new DecisionRefused(refusal);
  };
  try {
    return await deliver(ports, run, { name: DECISION_SIGNAL, id: `${decision.is}/${person.name}`, value }, admit);
  } catch (error) {
    if (error instanceof DecisionRefused) return refused(error.refusal.code, error.refusal.text);
    throw error;
  }
}

/** As `decideStage`, and who decided what and why is kept in the inbox. */
export async function decideOnRecord(
  ports: StatePorts & { readonly inbox: Pick<Inbox, 'record'> },
  command: DecisionCommand,
): Promise<DecisionAnswer> {
  const answer = await decideStage(ports, command);
  if (answer.is !== 'taken') return answer;
  const { execution, stage, person, decision } = command;
  const what = decision.is === 'approve' ? 'approved' : 'rejected';
  const choice = decision.choice === undefined ? '' : ` with ${decision.choice}`;
  const why = decision.reason === undefined ? '' : `: ${decision.reason}`;
  await remember(ports, `${person.name} ${what} ${stage} of ${execution}${choice}${why}`);
  return answer;
}

async function deliver(
  ports: StatePorts,
  run: Run,
  signal: { readonly id: string; readonly name: string; readonly value: DecisionValue },
  admit: (run: Run) => void,
): Promise<DecisionAnswer> {
  const { execution, stage, attempt } = run;
  for (let tries = 1; tries <= MAXIMUM_TRIES; tries += 1) {
    const answer = await signalStage(ports, { execution, stage, attempt, signal, admit });
    // `admit` says what is really too late; a stage that is about to remind people only looks so.
    if (answer.is !== 'tooLate') return told(answer, run, signal.value);
    await pause(ports.clock, TRY_PAUSE_MS);
  }
  return refused('busy', `${stage} takes no decision at this moment; try again, or see gennaker why ${execution}.`);
}

function told(answer: SignalAnswer, { stage }: Run, { person }: DecisionValue): DecisionAnswer {
  switch (answer.is) {
    case 'taken':
    case 'unknown':
      return { is: answer.is };
    case 'duplicate':
      return refused('decided-already', `${person} has decided on ${stage} already; each person counts once.`);
    case 'ended':
      return refused('ended', `${stage} has ended already.`);
    case 'tooLate':
      return refused('too-late', `${stage} can no longer be decided.`);
    case 'full':
      return refused('busy', `${stage} has more decisions waiting than it can take; try again in a moment.`);
  }
}

/** What no step has counted yet: the mail, and what the step has in hand that runs at this moment. */
function uncounted({ mail, state }: Run): Run['mail'] {
  return state.is !== 'ended' && state.input.by === 'signal' ? [...mail, state.input.signal] : mail;
}

function otherPlan(given: string | undefined, run: Run): Refused | undefined {
  if (given === undefined) return undefined;
  const wanted = given.replace(/^sha256:/u, '').toLowerCase();
  if (wanted.length >= LEAST_HASH_DIGITS && run.plan.replace(/^sha256:/u, '').startsWith(wanted)) return undefined;
  return refused('other-plan', `${run.execution} runs the plan ${run.plan}, not ${given}; look at it before deciding.`);
}

async function parametersOf(ports: StatePorts, run: Run): Promise<ApproveParameters | Refused> {
  const { stage } = run;
  const indexed = await ports.plans.get(run.plan);
  if (stagePlanOf(indexed, stage)?.kind !== APPROVE) {
    return refused('no-approval', `${stage} is no stage that people approve.`);
  }
  const resolved = await stageParameters(ports, indexed, run);
  if (resolved.is !== 'run') return refused('no-approval', `${stage} asks nobody: ${resolved.reason.text}`);
  const parsed = approveParameters.safeParse(resolved.parameters);
  return parsed.success ? parsed.data : refused('no-approval', `${stage} asks nobody: its parameters do not fit.`);
}
