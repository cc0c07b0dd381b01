/** Counts the decisions of people, and says who is still asked, until there are enough of them or the time is over. */
import type { Input, Outcome } from '../../core/run.ts';
import { checkedDurationMs } from '../../pipeline/duration.ts';
import type { StageContext } from '../kind.ts';
import { describeMoment } from '../moments.ts';
import { decideUntil, escalatedAt, groupsAt } from './rules.ts';
import {
  type ApproveCursor,
  type ApproveOutputs,
  type ApproveParameters,
  DECISION_SIGNAL,
  type DecisionValue,
  decisionValue,
} from './schema.ts';

/** Of the instructions, in the sentence that says what is waited for. */
const MAXIMUM_SHOWN = 300;

type Result = Outcome<ApproveCursor, ApproveOutputs>;

export async function step(
  parameters: ApproveParameters,
  at: { cursor: ApproveCursor | undefined; input: Input },
  context: StageContext,
): Promise<Result> {
  const cursor: ApproveCursor = at.cursor ?? { version: 1, since: context.clock.now(), approvals: [] };
  if (at.input.by !== 'signal' || at.input.signal.name !== DECISION_SIGNAL) {
    return isOver(parameters, cursor, at.input)
      ? timedOut(parameters, cursor, context)
      : ask(parameters, cursor, context);
  }
  const decision = decisionValue.parse(at.input.signal.value);
  if (decision.is === 'reject') return rejected(decision, context);
  const approvals = [...cursor.approvals, approvalOf(decision, at.input.signal.at)];
  if (cursor.approvals.some(({ person }) => person === decision.person)) return ask(parameters, cursor, context);
  if (approvals.length < parameters.count) return ask(parameters, { ...cursor, approvals }, context);
  return {
    is: 'succeeded',
    outputs: {
      ...(decision.choice === undefined ? {} : { choice: decision.choice }),
      by: approvals.map(({ person }) => person),
      ...(decision.reason === undefined ? {} : { reason: decision.reason }),
      approvals,
    },
  };
}

function approvalOf({ person, choice, reason }: DecisionValue, at: number): ApproveCursor['approvals'][number] {
  return {
    person,
    at: new Date(at).toISOString(),
    ...(choice === undefined ? {} : { choice }),
    ...(reason === undefined ? {} : { reason }),
  };
}

function rejected({ person, reason }: DecisionValue, context: StageContext): Result {
  const text = `${person} rejected ${context.stage}${reason === undefined ? '.' : `: ${reason}`}`;
  const unblock = `gennaker restart ${context.execution}`;
  return { is: 'failed', reason: { code: 'approval-rejected', text, unblock }, then: 'giveUp' };
}

/**
 * True where the last of its waits is over, and not only its time: a step may come late or again, and decisions of which
 * people were told that they count may wait behind it. A wait ends by time only after every decision that came in it.
 */
function isOver(parameters: ApproveParameters, { since, asked }: ApproveCursor, { by }: Input): boolean {
  return by === 'time' && asked !== undefined && asked >= decideUntil(parameters, since);
}

function timedOut({ count, within }: ApproveParameters, { approvals }: ApproveCursor, context: StageContext): Result {
  const text = `${context.stage} was not decided within ${within}: ${approvals.length} of ${count} approvals came.`;
  const unblock = `gennaker restart ${context.execution}`;
  return { is: 'failed', reason: { code: 'approval-timed-out', text, unblock }, then: 'giveUp' };
}

function ask(parameters: ApproveParameters, cursor: ApproveCursor, context: StageContext): Result {
  const now = context.clock.now();
  const asked = nextLook(parameters, cursor.since, now);
  return {
    is: 'waiting',
    for: { signal: DECISION_SIGNAL, until: asked },
    cursor: { ...cursor, asked },
    reason: {
      code: 'approval-needed',
      text: sentence(parameters, cursor, context.stage, now),
      unblock: `gennaker approve ${context.execution} ${context.stage}${choiceOption(parameters)}`,
    },
  };
}

/** The next reminder, the escalation or the end of the time, whichever comes first; that end where it is over. */
function nextLook(parameters: ApproveParameters, since: number, now: number): number {
  const { remind } = parameters;
  const until = decideUntil(parameters, since);
  const moments = [escalatedAt(parameters, since)];
  if (remind !== undefined) {
    const every = checkedDurationMs(remind);
    moments.push(since + (Math.floor((now - since) / every) + 1) * every);
  }
  return Math.min(until, ...moments.filter((moment) => moment !== undefined && moment > now).map(Number));
}

function sentence(parameters: ApproveParameters, cursor: ApproveCursor, stage: string, now: number): string {
  const { count, remind, instructions } = parameters;
  const groups = groupsAt(parameters, cursor.since, now);
  const from = escalatedAt(parameters, cursor.since);
  const reminders = remind === undefined ? 0 : Math.floor((now - cursor.since) / checkedDurationMs(remind));
  const parts = [
    `${stage} waits for ${count === 1 ? 'an approval' : `${count} approvals`}`,
    groups.length === 0 ? '' : ` by ${groups.join(' or ')}`,
    ` until ${describeMoment(decideUntil(parameters, cursor.since))}`,
    cursor.approvals.length === 0 ? '' : `; ${cursor.approvals.map(({ person }) => person).join(', ')} approved`,
    reminders === 0 ? '' : `; reminder ${reminders}`,
    from !== undefined && now >= from ? '; nobody decided in time, so others may, too' : '',
    instructions === undefined ? '' : `: ${shortened(instructions)}`,
  ];
  return parts.join('');
}

function shortened(text: string): string {
  const line = text.replaceAll(/\s+/gu, ' ');
  return line.length <= MAXIMUM_SHOWN ? line : `${line.slice(0, MAXIMUM_SHOWN).toWellFormed()}…`;
}

/** The first choice stands for all: the sentence of the stage's refusal names them. */
function choiceOption({ choices }: ApproveParameters): string {
  const [first] = choices ?? [];
  if (first === undefined) return '';
  return ` --choice ${/^[\w.-]+$/u.test(first) ? first : `'${first.replaceAll("'", String.raw`'\''`)}'`}`;
}
