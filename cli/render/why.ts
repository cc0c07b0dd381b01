/** Why an execution is where it is, and what to type to go on: the safest way first. */
import type { Reason, ReasonCode } from '../../shared/core/reason.ts';
import type { ExecutionDetail, StageDescription } from '../../shared/use-cases/describe-execution.ts';
import { hasEnded } from '../../shared/use-cases/describe-execution.ts';
import { formatDuration } from '../../shared/use-cases/phrases.ts';
import { painter } from '../terminal.ts';
import { ago, columnsTaken, padTo, shortId, wrap } from '../text.ts';
import { elapsedMs, type View, withShortIds } from './execution.ts';

/** A command to type, and in a few words what it is for. */
export type WayOn = { readonly label: string; readonly command: string };

/** One thing that explains where the execution is. */
export type Explanation = {
  /** Null where it is about the whole execution. */
  readonly stage: string | null;
  readonly target: string | null;
  readonly code: ReasonCode | null;
  /** Whole sentences. */
  readonly text: string;
  /** What is seen of the work itself. */
  readonly details: readonly string[];
};

export type Why = {
  readonly id: string;
  readonly pipeline: string;
  readonly status: ExecutionDetail['status'];
  readonly explanations: readonly Explanation[];
  /** The safest first. */
  readonly waysOn: readonly WayOn[];
};

/** Explains the execution with whole ids, for machines and for `renderWhy`. */
export function explain(detail: ExecutionDetail, now: number): Why {
  const stages = detail.stages.flatMap((stage) => explainStage(stage, detail, now));
  const whole = explainWhole(detail, now, stages);
  return {
    id: detail.id,
    pipeline: detail.pipeline,
    status: detail.status,
    explanations: [...whole, ...stages],
    waysOn: waysOn(detail),
  };
}

/** The explanation in lines that are no longer than the width; commands are never broken. */
export function renderWhy(detail: ExecutionDetail, view: View): string[] {
  const paint = painter(view.colour);
  const why = explain(detail, view.now);
  const sentences = why.explanations.flatMap(({ text, details }) => [
    ...wrap(withShortIds(text, detail), view.width),
    ...details.flatMap((line) => wrap(withShortIds(line, detail), view.width - 2).map((part) => `  ${part}`)),
  ]);
  const labels = Math.max(0, ...why.waysOn.map(({ label }) => columnsTaken(label) + 1));
  const commands = why.waysOn.map(
    ({ label, command }) => `  ${padTo(`${label}:`, labels)}  ${paint('strong', withShortIds(command, detail))}`,
  );
  return [...sentences, ...(commands.length === 0 ? [] : ['', ...commands])];
}

function explainWhole(detail: ExecutionDetail, now: number, stages: readonly Explanation[]): Explanation[] {
  const { reason } = detail;
  const told = reason !== null && stages.some(({ text }) => tells(text, reason));
  const because = reason === null || told ? '' : `: ${sentence(reason.text)}`;
  const text = `${describeWhole(detail, now)}${because === '' ? '.' : because}`;
  const plainlyRunning = detail.status === 'running' && !detail.stopping && because === '' && stages.length > 0;
  const heldByStages = detail.status === 'waiting' && told;
  return plainlyRunning || heldByStages
    ? []
    : [{ stage: null, target: null, code: reason?.code ?? null, text, details: [] }];
}

/** Whether a stage's explanation already says what the execution's reason says. A failed stage says more than its summary. */
function tells(text: string, reason: Reason): boolean {
  return reason.code === 'stage-failed' || text.includes(reason.text);
}

function describeWhole(detail: ExecutionDetail, now: number): string {
  const name = `${detail.pipeline} ${shortId(detail.id)}`;
  if (detail.endedAt !== null) {
    const took = elapsedMs(detail, now);
    const after = took === undefined ? '' : ` after ${formatDuration(took)}`;
    return `${name} ${verb(detail.status)}${after}, ${ago(Date.parse(detail.endedAt), now)}`;
  }
  if (detail.stopping) {
    return `${name} is being stopped`;
  }
  const since = detail.startedAt ?? detail.createdAt;
  return `${name} ${verb(detail.status)} for ${formatDuration(now - Date.parse(since))}`;
}

function verb(status: ExecutionDetail['status']): string {
  return status === 'succeeded' || status === 'failed'
    ? status
    : status === 'cancelled' || status === 'skipped'
      ? `was ${status}`
      : status === 'queued' || status === 'paused'
        ? `is ${status}`
        : `has been ${status}`;
}

/** Stages that move, wait, or failed explain the execution; those before and after them do not. */
function explainStage(stage: StageDescription, detail: ExecutionDetail, now: number): Explanation[] {
  const { id, target, reason, status } = stage;
  const name = target === null ? stage.declaredAs : `${stage.declaredAs} in ${target}`;
  const took = elapsedMs(stage, now);
  const attempts = stage.attempts > 1 ? ` in attempt ${stage.attempts}` : '';
  const explanation = (text: string, details: readonly string[]): Explanation[] => [
    { stage: id, target, code: reason?.code ?? null, text, details: details.filter((line) => line !== reason?.text) },
  ];
  const because = reason === null ? '.' : `: ${sentence(reason.text)}`;
  if (status === 'failed') {
    return explanation(
      `${name} failed${attempts}${took === undefined ? '' : ` after ${formatDuration(took)}`}${because}`,
      [],
    );
  }
  if (hasEnded(detail.status) || took === undefined) {
    return [];
  }
  if (status === 'waiting') {
    return explanation(`${name} has been waiting for ${formatDuration(took)}${attempts}${because}`, stage.progress);
  }
  return status === 'running'
    ? explanation(`${name} has been running for ${formatDuration(took)}${attempts}${because}`, stage.progress)
    : [];
}

function sentence(text: string): string {
  return /[.?…]$/u.test(text) ? text : `${text}.`;
}

/** How safe a command is, and what to call it, told by its first words. Commands that are not listed move things on. */
const COMMANDS: readonly { readonly verb: string; readonly label: string }[] = [
  { verb: '', label: 'Go on' },
  { verb: 'gennaker watch', label: 'Follow it' },
  { verb: 'gennaker logs', label: 'See what happened' },
  { verb: 'gennaker events', label: 'See the event' },
  { verb: 'gennaker get', label: 'Look at it' },
  { verb: 'kubectl get', label: 'Look at it' },
  { verb: 'kubectl describe', label: 'Look at it' },
  { verb: 'kubectl logs', label: 'Look at it' },
  { verb: 'gennaker push', label: 'Deliver another' },
  { verb: 'gennaker resume', label: 'Let it go on' },
  { verb: 'gennaker run', label: 'Start it anew' },
  { verb: 'gennaker restart', label: 'Run it again' },
  { verb: 'gennaker approve', label: 'Approve it' },
  { verb: 'gennaker rollback', label: 'Go back' },
  { verb: 'gennaker cancel', label: 'Give up' },
  { verb: 'gennaker override', label: 'Begin all the same' },
  { verb: 'gennaker skip', label: 'Go on without it' },
];

function waysOn(detail: ExecutionDetail): WayOn[] {
  const { id, status } = detail;
  const reasons = [detail.reason, ...detail.stages.filter(({ status }) => isHeld(status)).map(({ reason }) => reason)];
  const unblocking = reasons.flatMap((reason) => (reason?.unblock === undefined ? [] : [reason.unblock]));
  const general = hasEnded(status)
    ? status === 'succeeded'
      ? []
      : [`gennaker logs ${id}`, `gennaker restart ${id}`]
    : [`gennaker watch ${id}`, ...(detail.stopping ? [] : [`gennaker cancel ${id}`])];
  return [...new Set([...unblocking, ...general])]
    .map((command) => ({ command, rank: rankOf(command) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ command, rank }) => ({ command, label: labelOf(command, rank, id) }));
}

function labelOf(command: string, rank: number, id: string): string {
  const isOther = command.startsWith('gennaker cancel ') && command.split(' ')[2] !== id;
  return isOther ? 'Stop the other' : (COMMANDS[rank]?.label ?? 'Go on');
}

function isHeld(status: StageDescription['status']): boolean {
  return status === 'waiting' || status === 'failed' || status === 'running';
}

function rankOf(command: string): number {
  const known = COMMANDS.findIndex(({ verb }) => verb !== '' && (command === verb || command.startsWith(`${verb} `)));
  return known === -1 ? COMMANDS.findIndex(({ verb }) => verb === '') : known;
}
