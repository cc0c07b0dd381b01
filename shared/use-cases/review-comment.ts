/** What a pull request is shown: the plans of its pipelines in Markdown, within GitHub's limits, whatever their size. Pure. */
import type { Problem } from '../pipeline/problem.ts';

/** What merging would do to one pipeline. */
export type PlanDescription = {
  readonly name: string;
  readonly isChanged: boolean;
  /** One phrase: `3 changes to the pipeline, 2 to what runs`. */
  readonly summary: string;
  /** The plan as the command line prints it. */
  readonly text: string;
};

export type ReviewContent = {
  /** The registered repository. */
  readonly repository: string;
  readonly commit: string;
  readonly plans: readonly PlanDescription[];
  /** Pipelines that the folder has no more. */
  readonly removed: readonly string[];
  readonly problems: readonly Problem[];
  readonly isFork: boolean;
};

const MAXIMUM_PROBLEMS_SHOWN = 50;
const MAXIMUM_LINE = 400;
const MAXIMUM_NAMES_SHOWN = 100;
/** Below this a plan's text says nothing. */
const LEAST_TEXT = 200;
/** Where there are many plans, the first are shown with so much room rather than all with too little. */
const LEAST_SHARE = 2_000;
const MAXIMUM_TITLE = 120;

/** By which the comment of a repository is found again; people do not see it. */
export function reviewTag(repository: string): string {
  return `<!-- gennaker:plan ${repository} -->`;
}

/** One phrase for the whole: `2 pipelines change, 1 is removed`. */
export function reviewTitle({ plans, removed, problems }: ReviewContent): string {
  if (problems.length > 0) return `${count(problems.length, 'problem')}: merging this would change nothing`;
  const changed = plans.filter(({ isChanged }) => isChanged).length;
  const parts = [
    ...(changed === 0 ? [] : [`${count(changed, 'pipeline')} would change`]),
    ...(removed.length === 0 ? [] : [`${count(removed.length, 'pipeline')} would be removed`]),
  ];
  return (parts.length === 0 ? 'No pipeline would change' : parts.join(', ')).slice(0, MAXIMUM_TITLE);
}

/** The comment, at most `maximum` characters: long plans are cut first, and the text says so. */
export function reviewComment(content: ReviewContent, maximum: number): string {
  const { repository, commit, problems, plans, removed, isFork } = content;
  const head = [
    reviewTag(repository),
    `### Gennaker: ${reviewTitle(content)}`,
    '',
    `\`${repository}\` at ${commit.slice(0, 7)}${isFork ? ', from a fork: compared without any cluster or registry' : ''}`,
  ].join('\n');
  const tail = [
    problemsPart(problems),
    removed.length === 0 ? '' : `**Removed** (what has run is kept): ${namesOf(removed)}`,
    unchangedPart(plans.filter(({ isChanged }) => !isChanged)),
  ].filter((part) => part !== '');
  const changed = plans.filter(({ isChanged }) => isChanged);
  const fixed = [head, ...tail].join('\n\n').length;
  const cutNote = cut(changed.length);
  const shown = planParts(changed, maximum - fixed - cutNote.length - 8);
  const left = changed.length - shown.length;
  const parts = [head, ...shown, ...(left === 0 ? [] : [cut(left)]), ...tail];
  return parts.join('\n\n').slice(0, maximum);
}

function problemsPart(problems: readonly Problem[]): string {
  if (problems.length === 0) return '';
  const lines = problems
    .slice(0, MAXIMUM_PROBLEMS_SHOWN)
    .map(({ file, line, column, message }) => `${file}:${line}:${column}  ${message}`.slice(0, MAXIMUM_LINE));
  const more = problems.length - lines.length;
  const rest = more === 0 ? [] : [`… and ${more} more`];
  return ['**Problems**', fenced([...lines, ...rest].join('\n'))].join('\n\n');
}

function unchangedPart(plans: readonly PlanDescription[]): string {
  if (plans.length === 0) return '';
  const summary = `${count(plans.length, 'pipeline')} without a change`;
  return `<details><summary>${summary}</summary>\n\n${namesOf(plans.map(({ name }) => name))}\n\n</details>`;
}

function namesOf(names: readonly string[]): string {
  const shown = names.slice(0, MAXIMUM_NAMES_SHOWN).map((name) => `\`${name}\``);
  const more = names.length - shown.length;
  return [...shown, ...(more === 0 ? [] : [`and ${more} more`])].join(', ');
}

/** As many plans as fit, the room shared among them: one long one must not hide the others. */
function planParts(plans: readonly PlanDescription[], room: number): string[] {
  const parts: string[] = [];
  let left = room;
  for (const [index, plan] of plans.entries()) {
    const share = Math.max(Math.floor(left / (plans.length - index)), LEAST_SHARE);
    const own = planPart(plan, Math.min(share, left));
    if (own === undefined) break;
    parts.push(own);
    left -= own.length + 2;
  }
  return parts;
}

function planPart({ name, summary, text }: PlanDescription, room: number): string | undefined {
  const before = `<details open><summary><b>${escaped(name)}</b>  ${escaped(summary.slice(0, MAXIMUM_LINE))}</summary>\n\n`;
  const after = '\n\n</details>';
  const whole = `${before}${fenced(text)}${after}`;
  if (whole.length <= room) return whole;
  const note = '\n… the rest is too long for a comment; see it with: gennaker plan';
  const spare = room - before.length - after.length - fenced(note).length - FENCE_ROOM;
  if (spare < LEAST_TEXT) return undefined;
  return `${before}${fenced(`${text.slice(0, spare)}${note}`)}${after}`;
}

function cut(plans: number): string {
  return `_${count(plans, 'plan')} more than fit into a comment; see them with \`gennaker plan\`._`;
}

/** What a longer fence may take beside the shortest. */
const FENCE_ROOM = 40;

/** In a fence that is longer than any in the text, so that nothing in it can end it. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(Math.min(longest + 1, FENCE_ROOM / 2));
  return `${fence}diff\n${longest < FENCE_ROOM / 2 ? text : text.replaceAll('`', "'")}\n${fence}`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
