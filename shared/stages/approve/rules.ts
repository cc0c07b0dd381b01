/** Who may decide what, and when: pure, so that the server that is asked and the stage that is told judge alike. */
import type { Instant, Run } from '../../core/run.ts';
import { checkedDurationMs } from '../../pipeline/duration.ts';
import { describeMoment } from '../moments.ts';
import {
  type ApproveCursor,
  type ApproveParameters,
  approveCursor,
  DECISION_SIGNAL,
  type DecisionValue,
  decisionValue,
} from './schema.ts';

/** A person as the server knows them by their token. */
export type Decider = {
  readonly name: string;
  readonly groups: readonly string[];
  /** Other names of the same person: an email address, a name at the Git host. */
  readonly aliases: readonly string[];
  /** May decide whatever the groups are. */
  readonly isAdmin: boolean;
};

export type DecisionRefusal = {
  readonly code:
    | 'not-allowed'
    | 'own-execution'
    | 'decided-already'
    | 'too-late'
    | 'choice-missing'
    | 'unknown-choice'
    | 'other-choice';
  /** One sentence: what is not possible, and what would be. */
  readonly text: string;
};

/** Epoch ms. */
export function decideUntil(parameters: ApproveParameters, since: Instant): Instant {
  return since + checkedDurationMs(parameters.within);
}

/** When others may decide, too; undefined where that never comes. */
export function escalatedAt({ escalate }: ApproveParameters, since: Instant): Instant | undefined {
  return escalate === undefined ? undefined : since + checkedDurationMs(escalate.after);
}

/** The groups that may decide at this time; none means everyone. */
export function groupsAt(parameters: ApproveParameters, since: Instant, now: Instant): readonly string[] {
  const { groups, escalate } = parameters;
  const from = escalatedAt(parameters, since);
  if (escalate === undefined || from === undefined || now < from) return groups;
  return [...new Set([...groups, ...escalate.to])];
}

/** The decisions that the stage has taken or has in its mail. */
export function decisionsOf(run: Pick<Run, 'mail'>, cursor: ApproveCursor | undefined): readonly DecisionValue[] {
  const waiting = run.mail.flatMap((signal): DecisionValue[] => {
    const parsed = signal.name === DECISION_SIGNAL ? decisionValue.safeParse(signal.value) : undefined;
    return parsed?.success === true ? [parsed.data] : [];
  });
  const taken = (cursor?.approvals ?? []).map(
    ({ person, choice }): DecisionValue => ({ is: 'approve', person, ...(choice === undefined ? {} : { choice }) }),
  );
  return [...taken, ...waiting];
}

/** Why the person cannot decide so, or undefined where they can. `startedBy` are all names of who caused the execution. */
export function refusalOf(question: {
  parameters: ApproveParameters;
  stage: string;
  person: Decider;
  decision: Pick<DecisionValue, 'is' | 'choice'>;
  startedBy: readonly string[];
  run: { readonly mail: Run['mail']; readonly cursor?: Run['cursor'] | undefined };
  now: Instant;
}): DecisionRefusal | undefined {
  const { parameters, stage, person, decision, run, now } = question;
  const cursor = run.cursor === undefined ? undefined : approveCursor.parse(run.cursor);
  const until = cursor === undefined ? undefined : decideUntil(parameters, cursor.since);
  if (until !== undefined && now >= until) {
    return { code: 'too-late', text: `${stage} could be decided until ${describeMoment(until)}.` };
  }
  const isOwn = isSelf(person, question.startedBy);
  const groups = groupsAt(parameters, cursor?.since ?? now, now);
  const isAsked = person.isAdmin || groups.length === 0 || groups.some((group) => person.groups.includes(group));
  // Whoever may cancel the execution may reject it.
  if (!isAsked && !(decision.is === 'reject' && isOwn)) {
    const belongs = person.groups.length === 0 ? 'in no group' : `in ${person.groups.join(', ')}`;
    const text = `${stage} is decided by ${groups.join(' or ')}; ${person.name} is ${belongs}.`;
    return { code: 'not-allowed', text };
  }
  const decisions = decisionsOf(run, cursor);
  if (decision.is === 'reject') return undefined;
  if (isOwn && !parameters['self-approval']) {
    const text = `${person.name} started this execution or wrote its commits, so somebody else has to approve ${stage}.`;
    return { code: 'own-execution', text };
  }
  if (decisions.some((one) => one.person === person.name)) {
    return {
      code: 'decided-already',
      text: `${person.name} has decided on ${stage} already; each person counts once.`,
    };
  }
  return choiceRefusal(parameters, stage, decision.choice, decisions);
}

function choiceRefusal(
  { choices }: ApproveParameters,
  stage: string,
  choice: string | undefined,
  decisions: readonly DecisionValue[],
): DecisionRefusal | undefined {
  if (choices === undefined) {
    if (choice === undefined) return undefined;
    return { code: 'unknown-choice', text: `${stage} has no choices; approve it without one.` };
  }
  if (choice === undefined) {
    return { code: 'choice-missing', text: `${stage} asks for a choice: ${choices.join(', ')}.` };
  }
  if (!choices.includes(choice)) {
    return { code: 'unknown-choice', text: `${stage} has no choice "${choice}"; there are ${choices.join(', ')}.` };
  }
  const other = decisions.find((one) => one.is === 'approve' && one.choice !== choice);
  if (other === undefined) return undefined;
  const text = `${other.person} chose ${other.choice} for ${stage}, and all have to agree; choose the same, or reject it.`;
  return { code: 'other-choice', text };
}

function isSelf(person: Decider, names: readonly string[]): boolean {
  const own = new Set([person.name, ...person.aliases].map((name) => name.toLowerCase()));
  return names.some((name) => own.has(name.toLowerCase()));
}
