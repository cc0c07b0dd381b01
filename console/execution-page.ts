/** The page of one execution: what is happening, is it all right, what does it wait for, what changed, how do I go on. */
import type { ExecutionDetail, TransitionDescription } from '../shared/use-cases/describe-execution.ts';
import { hasEnded, suggestCommands } from '../shared/use-cases/describe-execution.ts';
import { describeChanges, formatDuration, glyphOf, listNames } from '../shared/use-cases/phrases.ts';
import type { Page } from './document.ts';
import { type Html, html } from './html.ts';
import { ago, command, digest, elapsed, glyph, shortId, suggestions, versionChange, versionChanges } from './parts.ts';
import { stageTree } from './stage-tree.ts';

export type ExecutionView = {
  readonly execution: ExecutionDetail;
  /** In the order in which they happened. */
  readonly history: readonly TransitionDescription[];
  readonly now: number;
};

/** The newest are shown; `gennaker logs` has them all. */
export const MAXIMUM_HISTORY = 100;
const NO_SCRIPT_REFRESH_SECONDS = 5;
const MAXIMUM_NAMES = 3;

export function executionPage(view: ExecutionView): Page {
  const { execution } = view;
  const { id, pipeline, status } = execution;
  const version = describeChanges(execution.changes);
  return {
    title: `${glyphOf(status)} ${pipeline}${version === '' ? '' : ` ${version}`} ${status} · Gennaker`,
    regions: [
      { id: 'headline', content: headline(view) },
      { id: 'attention', content: attention(execution) },
      { id: 'stages', content: stages(view) },
      { id: 'changes', content: changes(execution) },
      { id: 'next', content: next(execution) },
      { id: 'history', content: history(view) },
    ],
    ...(!hasEnded(status) && { events: `/executions/${id}/events`, refreshSeconds: NO_SCRIPT_REFRESH_SECONDS }),
  };
}

function headline({ execution, now }: ExecutionView): Html {
  const { id, pipeline, status, stopping, trigger, startedAt, endedAt, createdAt, restartOf } = execution;
  const by = trigger.by !== null && html` by ${trigger.by}`;
  const again = restartOf !== null && html` · again after <a href="/executions/${restartOf}">${shortId(restartOf)}</a>`;
  return html`<nav class="trail" aria-label="Where this is"><a href="/">Executions</a><span aria-hidden="true">/</span><a href="/?pipeline=${encodeURIComponent(pipeline)}">${pipeline}</a></nav>
<h1>${pipeline} <span class="versions">${versionChanges(execution.changes)}</span></h1>
<p class="state ${status}" role="status"><span class="pill">${glyph(status)}${stopping ? 'stopping' : status}</span>${elapsed(startedAt ?? createdAt, endedAt, now)}<span class="quiet">${place(execution)}</span></p>
<p class="quiet">${trigger.text}${by} · ${ago(trigger.at, now)} · <code title="${id}">${shortId(id)}</code>${again}</p>`;
}

/** Where it is at work. */
function place({ stages: all }: ExecutionDetail): string {
  const underWay = all.filter(({ status }) => status === 'running');
  return listNames(
    underWay.map(({ declaredAs, target }) => (target === null ? declaredAs : `${declaredAs} in ${target}`)),
    MAXIMUM_NAMES,
  );
}

type Told = { readonly title: string; readonly text: string; readonly unblock?: string | undefined };

/** What does not move and why, once each: the stages' own reasons, and the execution's where it says more. */
function reasonsOf(execution: ExecutionDetail): readonly Told[] {
  const told = new Map<string, Told>();
  for (const { status, reason, declaredAs, target } of execution.stages) {
    if (reason === null || !(status === 'waiting' || status === 'failed')) continue;
    const title = `${declaredAs}${target === null ? '' : ` in ${target}`} ${status === 'waiting' ? 'waits' : 'failed'}`;
    told.set(reason.text, { title, ...reason });
  }
  const { reason, status, stopping } = execution;
  if (reason !== null && ![...told.keys()].some((text) => reason.text.includes(text))) {
    told.set(reason.text, {
      title: stopping ? 'stopping' : status,
      text: reason.text,
      ...(!stopping && { unblock: reason.unblock }),
    });
  }
  return [...told.values()];
}

function attention(execution: ExecutionDetail): Html {
  const told = reasonsOf(execution);
  if (told.length === 0) return html``;
  const one = ({ title, text, unblock }: Told) => {
    const [subject = ''] = title.split(' ');
    const heading = !text.includes(subject) && html`<h2>${title}</h2>`;
    return html`<div class="reason">${heading}<p>${text}</p>${unblock !== undefined && command(unblock)}</div>`;
  };
  const label = hasEnded(execution.status) ? 'Why it ended so' : 'What it waits for';
  return html`<section class="attention ${execution.status}" aria-live="polite" aria-label="${label}">${told.map(one)}</section>`;
}

function stages({ execution, now }: ExecutionView): Html {
  const counts = Map.groupBy(execution.stages, ({ status }) => status);
  const done = counts.get('succeeded')?.length ?? 0;
  return html`<section><h2>Stages <span class="count">${done} of ${execution.stages.length} done</span></h2>${stageTree(execution, now)}</section>`;
}

function changes({ changes: images }: ExecutionDetail): Html {
  if (images.length === 0) return html``;
  return html`<section><h2>What changes</h2><ul class="images">${images.map((change) => {
    const { name, from, to } = change;
    const same = from !== null && from.digest === to.digest;
    return html`<li><span class="name">${name}</span>${versionChange(change, false)}${same && html`<span class="quiet">unchanged</span>`}
<span class="pin">${to.repository}@${digest(to.digest)}</span></li>`;
  })}</ul></section>`;
}

function next(execution: ExecutionDetail): Html {
  // What unblocks it stands where it says why.
  const shown = new Set(reasonsOf(execution).map(({ unblock }) => unblock));
  const rest = suggestCommands(execution).filter((suggestion) => !shown.has(suggestion.command));
  return rest.length === 0 ? html`` : html`<section><h2>How to go on</h2>${suggestions(rest)}</section>`;
}

function history({ execution, history: transitions }: ExecutionView): Html {
  if (transitions.length === 0) return html``;
  const start = Date.parse(execution.startedAt ?? execution.createdAt);
  const hidden = Math.max(0, transitions.length - MAXIMUM_HISTORY);
  const newest = transitions.toReversed().slice(0, MAXIMUM_HISTORY);
  return html`<section><h2>What happened</h2><ol class="history" reversed>${newest.map(
    (transition) =>
      html`<li><time datetime="${transition.at}" title="${transition.at}">${offset(Date.parse(transition.at) - start)}</time>${glyph(transition.status)}<span>${describe(transition)}</span></li>`,
  )}</ol>${hidden > 0 && html`<p class="quiet">${hidden} earlier ones: ${command(`gennaker logs ${shortId(execution.id)}`)}</p>`}</section>`;
}

function offset(ms: number): string {
  return `${ms < 0 ? '−' : '+'}${formatDuration(Math.abs(ms))}`;
}

function describe({ is, stage, status, reason }: TransitionDescription): Html {
  const because = reason !== undefined && html`<span class="quiet"> ${reason.text}</span>`;
  switch (is) {
    case 'queued':
      return html`queued${because}`;
    case 'started':
      return html`started${because}`;
    case 'stopping':
      return html`stopping${because}`;
    case 'stage':
      return html`<b>${stage}</b> ${status === 'waiting' ? 'waits' : status}${because}`;
    case 'ended':
      return html`<b>${status}</b>${because}`;
  }
}
