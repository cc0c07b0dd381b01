/** `gennaker get`: lists, and one thing with all that is known of it. */

import type { PipelineSummary } from '../../functions/api/pipelines.ts';
import { didYouMean } from '../../shared/pipeline/nearest.ts';
import type { ExecutionSummary } from '../../shared/use-cases/describe-execution.ts';
import { describeChanges, formatDuration, glyphOf } from '../../shared/use-cases/phrases.ts';
import type { Context } from '../context.ts';
import { CommandFailure, UsageError } from '../failure.ts';
import { elapsedMs, renderExecution } from '../render/execution.ts';
import { renderTable } from '../render/table.ts';
import { TONES } from '../render/tones.ts';
import { painter } from '../terminal.ts';
import { ago, shortId } from '../text.ts';
import { listEvents, showEvent } from './events.ts';
import { listRepositories, listTeams } from './repositories.ts';
import { listCatalog, listTemplates, showTemplate } from './templates.ts';

export type GetOptions = { readonly pipeline?: string; readonly search?: string; readonly limit: number };

/** What `get` lists, by the words that name it. */
const KINDS: {
  readonly [word: string]: 'executions' | 'pipelines' | 'events' | 'templates' | 'catalog' | 'repositories' | 'teams';
} = {
  executions: 'executions',
  execution: 'executions',
  pipelines: 'pipelines',
  pipeline: 'pipelines',
  events: 'events',
  event: 'events',
  templates: 'templates',
  template: 'templates',
  catalog: 'catalog',
  repositories: 'repositories',
  repository: 'repositories',
  teams: 'teams',
  team: 'teams',
};

export async function get(context: Context, word: string, id: string | undefined, options: GetOptions): Promise<void> {
  const kind = Object.hasOwn(KINDS, word) ? KINDS[word] : undefined;
  if (options.pipeline !== undefined && (kind !== 'executions' || id !== undefined)) {
    throw new UsageError('--pipeline goes with "get executions" only.');
  }
  if (options.search !== undefined && kind !== 'catalog') {
    throw new UsageError('--search goes with "get catalog" only.');
  }
  switch (kind) {
    case 'executions':
      return id === undefined ? getExecutions(context, options) : getExecution(context, id);
    case 'pipelines':
      return getPipelines(context, id);
    case 'events':
      return id === undefined ? listEvents(context, options) : showEvent(context, id);
    case 'templates':
      return id === undefined ? listTemplates(context) : showTemplate(context, id);
    case 'catalog':
      if (id !== undefined) throw new UsageError(`To look for something:  gennaker get catalog --search ${id}`);
      return listCatalog(context, options);
    case 'repositories':
      return listRepositories(context, id);
    case 'teams':
      return listTeams(context, id);
    case undefined:
      throw new UsageError(
        `There is nothing called "${word}" to get${didYouMean(word, Object.keys(KINDS)) || '.'} ` +
          'It is one of executions, pipelines, events, templates, catalog, repositories and teams.',
      );
  }
}

async function getExecutions(context: Context, options: GetOptions): Promise<void> {
  const api = await context.api();
  const list = await api.executions({ pipeline: options.pipeline, limit: options.limit });
  context.result(list, () => {
    if (list.items.length === 0) {
      return options.pipeline === undefined
        ? ['Nothing has run yet. "gennaker get pipelines" shows what can run.']
        : [`${options.pipeline} has not run yet. Start it:  gennaker run ${options.pipeline}`];
    }
    const { now, width, colour } = context.view();
    const paint = painter(colour);
    const [head = '', ...rows] = renderTable(
      ['ID', 'PIPELINE', 'VERSION', 'STATUS', 'TIME', 'STARTED', 'BECAUSE'],
      list.items.map((item) => executionRow(item, now)),
      width,
    );
    return [
      paint('quiet', head),
      ...rows.map((row, index) => paint(TONES[list.items[index]?.status ?? 'queued'], row)),
    ];
  });
}

function executionRow(item: ExecutionSummary, now: number): string[] {
  const took = elapsedMs(item, now);
  const versions = describeChanges(Object.entries(item.images).map(([name, to]) => ({ name, from: null, to })));
  return [
    shortId(item.id),
    item.pipeline,
    versions,
    `${glyphOf(item.status)} ${item.stopping ? 'stopping' : item.status}`,
    took === undefined ? '' : formatDuration(took),
    ago(Date.parse(item.startedAt ?? item.createdAt), now),
    item.trigger.text,
  ];
}

async function getExecution(context: Context, id: string): Promise<void> {
  const api = await context.api();
  const detail = await api.execution(id);
  context.result(detail, () => renderExecution(detail, context.view()));
}

async function getPipelines(context: Context, name: string | undefined): Promise<void> {
  const api = await context.api();
  const list = await api.pipelines();
  if (name !== undefined) {
    const found = list.items.find((item) => item.name === name);
    if (found === undefined) {
      const names = list.items.map((item) => item.name);
      throw new CommandFailure(`There is no pipeline "${name}"${didYouMean(name, names) || '.'}`);
    }
    context.result(found, () => pipelineTable(context, [found]));
    return;
  }
  context.result(list, () =>
    list.items.length === 0
      ? ['No pipeline is applied yet. Apply one:  gennaker apply FILE']
      : pipelineTable(context, list.items),
  );
}

function pipelineTable(context: Context, items: readonly PipelineSummary[]): string[] {
  const { now, width, colour } = context.view();
  const [head = '', ...rows] = renderTable(
    ['PIPELINE', 'TEAM', 'APPLIED', 'TARGETS', 'STAGES'],
    items.map((item) => [
      item.name,
      item.team,
      ago(Date.parse(item.appliedAt), now),
      [...new Set(item.stages.flatMap(({ targets }) => targets))].join(' '),
      item.stages.map(({ id, kind }) => (id === kind ? id : `${id} (${kind})`)).join(', '),
    ]),
    width,
  );
  return [painter(colour)('quiet', head), ...rows];
}
