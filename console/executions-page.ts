/** The list of executions: what is under way first, then what has ended. */
import type { ExecutionSummary } from '../shared/use-cases/describe-execution.ts';
import { hasEnded, isUnderWay } from '../shared/use-cases/describe-execution.ts';
import { listNames } from '../shared/use-cases/phrases.ts';
import type { Page } from './document.ts';
import { type Html, html } from './html.ts';
import { ago, command, elapsed, glyph, shortId, versionChanges } from './parts.ts';

export type ExecutionsView = {
  readonly executions: readonly ExecutionSummary[];
  /** The names of pipelines to choose from. */
  readonly pipelines: readonly string[];
  /** The pipeline that is chosen; all of them where absent. */
  readonly pipeline?: string;
  /** True where more executions lie before these. */
  readonly hasOlder: boolean;
  /** True on any page but the first, which alone is live. */
  readonly isOlder: boolean;
  readonly now: number;
};

const NO_SCRIPT_REFRESH_SECONDS = 15;
const MAXIMUM_NAMES = 3;

export function executionsPage(view: ExecutionsView): Page {
  const { pipeline, isOlder } = view;
  const query = pipeline === undefined ? '' : `?pipeline=${encodeURIComponent(pipeline)}`;
  return {
    title: titleOf(view),
    regions: [
      { id: 'filter', content: filter(view) },
      { id: 'list', content: list(view) },
    ],
    ...(!isOlder && { events: `/events${query}`, refreshSeconds: NO_SCRIPT_REFRESH_SECONDS }),
  };
}

function titleOf({ executions, pipeline }: ExecutionsView): string {
  const live = executions.filter(({ status }) => !hasEnded(status)).length;
  return `${live === 0 ? '' : `(${live}) `}${pipeline ?? 'Executions'} · Gennaker`;
}

function filter({ pipelines, pipeline }: ExecutionsView): Html {
  const link = (name: string | undefined, text: string) => {
    const href = name === undefined ? '/' : `/?pipeline=${encodeURIComponent(name)}`;
    return html`<a href="${href}" ${name === pipeline && html`aria-current="page"`}>${text}</a>`;
  };
  return html`<h1>Executions</h1>
${pipelines.length > 1 && html`<nav class="filter" aria-label="Pipelines">${link(undefined, 'all')}${pipelines.map((name) => link(name, name))}</nav>`}`;
}

function list(view: ExecutionsView): Html {
  const { executions, pipeline, hasOlder, isOlder } = view;
  if (executions.length === 0) return isOlder ? html`<p class="quiet">Nothing is older.</p>` : empty(view);
  const live = executions.filter(({ status }) => !hasEnded(status));
  const ended = executions.filter(({ status }) => hasEnded(status));
  const last = executions.at(-1);
  const older = new URLSearchParams({ ...(pipeline !== undefined && { pipeline }), before: last?.createdAt ?? '' });
  return html`${section('Under way', live, view.now)}${section(isOlder || live.length > 0 ? 'Ended' : 'Latest', ended, view.now)}
${hasOlder && html`<p class="more"><a href="/?${older.toString()}" rel="next">Older executions</a></p>`}`;
}

function empty({ pipelines, pipeline }: ExecutionsView): Html {
  const name = pipeline ?? pipelines[0];
  if (name === undefined) {
    return html`<section class="empty"><h2>Nothing has run yet</h2><p>Apply a pipeline to begin:</p>${command('gennaker apply gennaker.yaml')}</section>`;
  }
  const title = pipeline === undefined ? 'Nothing has run yet' : `No execution of ${name} yet`;
  return html`<section class="empty"><h2>${title}</h2><p>Push an image that ${name} waits for, or start it by hand:</p>${command(`gennaker run ${name}`)}</section>`;
}

function section(title: string, executions: readonly ExecutionSummary[], now: number): Html | false {
  if (executions.length === 0) return false;
  return html`<section class="group"><h2>${title} <span class="count">${executions.length}</span></h2>
<ol class="executions">${executions.map((execution) => row(execution, now))}</ol></section>`;
}

function row(execution: ExecutionSummary, now: number): Html {
  const { id, pipeline, status, trigger, reason, stages } = execution;
  const changes = Object.entries(execution.images).map(([name, to]) => ({ name, from: null, to }));
  const by = trigger.by !== null && html` by ${trigger.by}`;
  return html`<li class="execution ${status}"><a href="/executions/${id}" aria-label="${pipeline} ${shortId(id)}, ${status}">
<span class="status">${glyph(status)}<span class="word">${execution.stopping ? 'stopping' : status}</span></span>
<span class="what"><span class="name">${pipeline}</span> ${versionChanges(changes)}</span>
<span class="strip" role="img" aria-label="${stripText(execution)}">${stages.map(({ status: one }) => html`<i class="${one}"></i>`)}</span>
<span class="place">${where(execution)}</span>
<span class="when">${when(execution, now)}</span>
<span class="why">${status === 'succeeded' || reason === null ? html`<span class="quiet">${trigger.text}${by}</span>` : reason.text}</span>
</a></li>`;
}

/** How long it has been at it; once it has ended, when and how long it took. */
function when({ createdAt, startedAt, endedAt }: ExecutionSummary, now: number): Html {
  if (endedAt === null) return elapsed(startedAt ?? createdAt, null, now);
  return html`<span class="ago">${ago(endedAt, now)}</span>${startedAt !== null && elapsed(startedAt, endedAt, now)}`;
}

function stripText({ stages }: ExecutionSummary): string {
  const done = stages.filter(({ status }) => status === 'succeeded').length;
  return `${done} of ${stages.length} stages succeeded`;
}

/** The stages that are under way or have failed, or else the targets that were reached. */
function where({ stages, status }: ExecutionSummary): string {
  const telling = stages.filter((stage) => (hasEnded(status) ? stage.status === 'failed' : isUnderWay(stage.status)));
  if (telling.length > 0)
    return listNames(
      telling.map(({ id }) => id),
      MAXIMUM_NAMES,
    );
  const targets = new Set(
    stages.flatMap(({ target, status: one }) => (target !== null && one === 'succeeded' ? [target] : [])),
  );
  return listNames([...targets], MAXIMUM_NAMES * 2);
}
