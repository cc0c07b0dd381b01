/** An execution as Slack shows it: one message that follows it and shrinks to one line at its end. Pure. */
import type { Transition } from '../core/run.ts';
import type { ExecutionDetail, StageDescription } from '../use-cases/describe-execution.ts';
import { hasEnded, isUnderWay } from '../use-cases/describe-execution.ts';
import { clip, describeChanges, formatDuration, glyphOf, listNames, versionOf } from '../use-cases/phrases.ts';

type MarkdownText = { readonly type: 'mrkdwn'; readonly text: string; readonly verbatim: true };
export type SlackBlock =
  | { readonly type: 'section'; readonly text: MarkdownText }
  | { readonly type: 'context'; readonly elements: readonly MarkdownText[] };

/** What is posted: `text` for notifications and screen readers, `blocks` for the eye. */
export type SlackMessage = { readonly text: string; readonly blocks: readonly SlackBlock[] };

/**
 * Limits on characters before escaping. Escaping makes a character up to five long and Slack takes 3,000 in a
 * block's text, so a block's parts stay below 600 together.
 */
const MAXIMUM_SENTENCE = 400;
const MAXIMUM_HEADLINE = 200;
const MAXIMUM_COMMAND = 150;
const MAXIMUM_NAME = 60;
const MAXIMUM_VERSIONS = 120;
/** Above this a row of stages is counted instead of named. */
const MAXIMUM_STAGE_ROW = 500;
const MAXIMUM_NAMES = 4;

/** Text as Slack's mrkdwn reads it literally: no link, mention or channel can be smuggled in. */
export function escapeMarkdown(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function safe(text: string, maximum: number): string {
  return escapeMarkdown(clip(text, maximum));
}

/** A backtick would end the code span. */
function code(command: string): string {
  return `\`${safe(command.replaceAll('`', 'ˋ'), MAXIMUM_COMMAND)}\``;
}

function bold(text: string, maximum: number): string {
  return `*${safe(text.replaceAll('*', '∗'), maximum)}*`;
}

function section(text: string): SlackBlock {
  return { type: 'section', text: { type: 'mrkdwn', text, verbatim: true } };
}

function context(text: string): SlackBlock {
  return { type: 'context', elements: [{ type: 'mrkdwn', text, verbatim: true }] };
}

/** A link's address ends at `>` or `|`, so these travel encoded. */
function link(url: string, text: string): string {
  const address = url.replaceAll('<', '%3C').replaceAll('>', '%3E').replaceAll('|', '%7C');
  return `<${escapeMarkdown(address)}|${escapeMarkdown(text)}>`;
}

/** The message of the execution. `page` is the address of its page. */
export function renderSlackMessage(execution: ExecutionDetail, page: string): SlackMessage {
  return hasEnded(execution.status) ? renderEnd(execution, page) : renderLive(execution, page);
}

function renderLive(execution: ExecutionDetail, page: string): SlackMessage {
  const pipeline = bold(execution.pipeline, MAXIMUM_NAME);
  const changes = safe(describeChanges(execution.changes), MAXIMUM_VERSIONS);
  const headline = `${glyphOf(execution.status)} ${safe(describeNow(execution), MAXIMUM_HEADLINE)}`;
  const first = [pipeline, changes, headline].filter((part) => part !== '').join('  ');
  const blocks = [
    section(`${first}   ${link(page, 'Open')}`),
    context([origin(execution), age(execution)].filter((part) => part !== '').join(' · ')),
    context(stageRow(execution.stages)),
  ];
  if (execution.reason !== null) blocks.push(section(sentence(execution.reason)));
  return {
    text: plain(`${execution.pipeline} ${describeChanges(execution.changes)}: ${describeNow(execution)}`),
    blocks,
  };
}

function renderEnd(execution: ExecutionDetail, page: string): SlackMessage {
  const versions = execution.changes.map(
    ({ name, to }) => (execution.changes.length === 1 ? '' : `${name} `) + versionOf(to),
  );
  const what = [
    safe(execution.pipeline, MAXIMUM_NAME),
    safe(versions.join(', '), MAXIMUM_VERSIONS),
    safe(describeEnd(execution), MAXIMUM_VERSIONS),
  ].filter((part) => part !== '');
  const line = [`${glyphOf(execution.status)} ${what.join(' ')}`, age(execution), origin(execution)].filter(
    (part) => part !== '',
  );
  const text = line.join(' · ');
  const blocks = [section(`${text} · ${link(page, 'Open')}`)];
  if (execution.status !== 'succeeded' && execution.reason !== null) {
    blocks.push(context(safe(execution.reason.text, MAXIMUM_SENTENCE)));
  }
  return { text, blocks };
}

/** The thread's post for a failure or a request to act. */
export function renderSlackDetail(execution: ExecutionDetail, transition: Transition, page: string): SlackMessage {
  const stage = execution.stages.find(({ id }) => id === transition.stage);
  const subject = stage === undefined ? execution.pipeline : placed(stage);
  const verb = transition.status === 'failed' ? 'failed' : 'waits for you';
  const heading = `${glyphOf(transition.status === 'failed' ? 'failed' : 'waiting')} ${subject} ${verb}`;
  const { reason } = transition;
  const blocks = [section(`${safe(heading, MAXIMUM_SENTENCE)}   ${link(page, 'Open')}`)];
  if (reason !== undefined) blocks.push(section(sentence(reason)));
  return { text: plain(reason === undefined ? heading : `${heading}: ${reason.text}`), blocks };
}

function sentence(reason: { text: string; unblock?: string }): string {
  const text = safe(reason.text, MAXIMUM_SENTENCE);
  return reason.unblock === undefined ? text : `${text}\n${code(reason.unblock)}`;
}

function plain(text: string): string {
  return safe(text, MAXIMUM_SENTENCE);
}

function placed(stage: StageDescription): string {
  return stage.target === null ? stage.declaredAs : `${stage.declaredAs} in ${stage.target}`;
}

function describeNow(execution: ExecutionDetail): string {
  if (execution.status === 'queued') return 'queued';
  if (execution.stopping) return 'stopping';
  const underWay = execution.stages.filter(({ status }) => isUnderWay(status));
  const shown = execution.status === 'waiting' ? underWay : underWay.filter(({ status }) => status === 'running');
  if (shown.length === 0) return execution.status;
  const names = listNames([...new Set(shown.map(placed))], MAXIMUM_NAMES);
  return execution.status === 'waiting' ? `${names} ${shown.length === 1 ? 'waits' : 'wait'}` : names;
}

/** `in jp us uk`, or `failed in jp`. */
function describeEnd(execution: ExecutionDetail): string {
  const told = execution.stages.filter(({ status }) => status === execution.status);
  const targets = [...new Set(told.flatMap(({ target }) => (target === null ? [] : [target])))];
  const names = targets.length <= MAXIMUM_NAMES ? targets.join(' ') : listNames(targets, MAXIMUM_NAMES);
  const where = targets.length === 0 ? '' : `in ${names}`;
  return [execution.status === 'succeeded' ? '' : execution.status, where].join(' ').trim();
}

function origin(execution: ExecutionDetail): string {
  const { by, text } = execution.trigger;
  return by === null ? safe(text, MAXIMUM_VERSIONS) : `by ${safe(by, MAXIMUM_NAME)}`;
}

/** Up to the last change, so that the same revision always reads the same. */
function age(execution: ExecutionDetail): string {
  const end = Date.parse(execution.endedAt ?? execution.changedAt);
  return formatDuration(end - Date.parse(execution.startedAt ?? execution.createdAt));
}

/** `✔ migrate  ● rest: ✔ us ● uk`, or counts where there are too many to name. */
function stageRow(stages: readonly StageDescription[]): string {
  const groups = Map.groupBy(stages, ({ declaredAs }) => declaredAs);
  const cells = [...groups].map(([name, members]) => {
    const [only] = members;
    if (members.length === 1 && only !== undefined) return `${glyphOf(only.status)} ${clip(name, MAXIMUM_NAME)}`;
    const targets = members.map(
      (member) => `${glyphOf(member.status)} ${clip(member.target ?? member.id, MAXIMUM_NAME)}`,
    );
    return `${clip(name, MAXIMUM_NAME)}: ${targets.join(' ')}`;
  });
  const row = cells.join('   ');
  return escapeMarkdown(row.length <= MAXIMUM_STAGE_ROW ? row : countRow(stages));
}

function countRow(stages: readonly StageDescription[]): string {
  const byStatus = Map.groupBy(stages, ({ status }) => status);
  return [...byStatus]
    .map(([status, members]) => {
      const named = isUnderWay(status) || status === 'failed';
      const names = named
        ? `: ${listNames(
            members.map((stage) => clip(placed(stage), MAXIMUM_NAME)),
            2,
          )}`
        : '';
      return `${glyphOf(status)} ${members.length} ${status}${names}`;
    })
    .join('   ');
}
