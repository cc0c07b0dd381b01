/** How templates, their rollouts and the catalog are drawn: what there is, where it stands, and what to type next. */

import type { CatalogEntry } from '../../shared/use-cases/catalog.ts';
import { glyphOf } from '../../shared/use-cases/phrases.ts';
import type {
  RolloutDescription,
  TemplateDescription,
  VersionDescription,
} from '../../shared/use-cases/templates/describe.ts';
import type { Impact, ImpactedPipeline } from '../../shared/use-cases/templates/impact.ts';
import type { Published } from '../../shared/use-cases/templates/publish.ts';
import { painter } from '../terminal.ts';
import { ago, count } from '../text.ts';
import { changeLine } from './plan.ts';
import { renderTable } from './table.ts';

type View = { readonly now: number; readonly width: number; readonly colour: boolean };

/** Names that one line shows. */
const MAXIMUM_NAMES = 6;
/** Changes of one pipeline that an impact shows. */
const MAXIMUM_CHANGES = 8;

export function renderTemplates(items: readonly TemplateDescription[], view: View): readonly string[] {
  if (items.length === 0) return ['No template is published yet. Publish one:  gennaker templates publish FILE'];
  return table(
    ['TEMPLATE', 'OWNER', 'RELEASED', 'USED BY', 'ROLLOUT', 'DESCRIPTION'],
    items.map((item) => [
      item.name,
      item.owner,
      item.released ?? 'none',
      count(
        item.versions.reduce((sum, { usedBy }) => sum + usedBy.length, 0),
        'pipeline',
      ),
      item.rollout === null ? '' : rolloutWord(item.rollout),
      item.description,
    ]),
    view,
  );
}

function rolloutWord({ version, state, rings }: RolloutDescription): string {
  switch (state) {
    case 'released':
      return '';
    case 'rolledBack':
      return `${version} rolled back`;
    case 'stopped':
      return `✖ ${version} stopped`;
    case 'goingBack':
      return `${version} going back`;
    case 'moving':
    case 'proving':
      return `● ${version}, ring ${rings.findIndex((ring) => ring.state === 'current') + 1} of ${rings.length}`;
  }
}

export function renderTemplate(template: TemplateDescription, view: View): readonly string[] {
  const { name, owner, description, versions } = template;
  return [
    `${name}   owned by ${owner}`,
    ...(description === '' ? [] : [description]),
    '',
    ...table(
      ['VERSION', 'STANDING', 'PUBLISHED', 'USED BY'],
      versions.map((one) => versionRow(one, view.now)),
      view,
    ),
    ...versions.flatMap(({ version, deprecated }) =>
      deprecated === null ? [] : [`${version} is deprecated: ${deprecated}`],
    ),
    ...(template.rollout === null || template.rollout.state === 'released'
      ? []
      : ['', ...rolloutLines(template.rollout)]),
  ];
}

function versionRow(
  { version, standing, publishedAt, by, deprecated, usedBy }: VersionDescription,
  now: number,
): string[] {
  const users = usedBy.length === 0 ? 'nobody' : `${count(usedBy.length, 'pipeline')}: ${named(usedBy)}`;
  const told = deprecated === null ? standing : `${standing}, deprecated`;
  return [version, told, `${ago(Date.parse(publishedAt), now)} by ${by}`, users];
}

export function renderRollout(template: TemplateDescription, _view: View): readonly string[] {
  if (template.rollout === null) return [`${template.name} has no rollout.`];
  return [`${template.name} ${template.rollout.version}`, ...rolloutLines(template.rollout)];
}

const RING_GLYPHS = { proved: '✔', current: '●', later: '◌' } as const;

function rolloutLines(rollout: RolloutDescription): readonly string[] {
  const wide = Math.max(...rollout.rings.map(({ ring }) => ring.length));
  const isOver = rollout.state === 'released' || rollout.state === 'rolledBack';
  const rings = (isOver ? [] : rollout.rings).map(
    ({ ring, moved, state }) =>
      `  ${rollout.state === 'stopped' && state === 'current' ? '✖' : RING_GLYPHS[state]} ${ring.padEnd(wide)}   ${count(moved, 'pipeline')} on it`,
  );
  const commands = Math.max(0, ...rollout.unblock.map(({ what }) => what.length));
  return [
    ...rings,
    rollout.text,
    ...(rollout.unblock.length === 0 ? [] : ['']),
    ...rollout.unblock.map(({ what, command }) => `  ${`${what}:`.padEnd(commands + 1)}  ${command}`),
  ];
}

export function renderPublished(published: Exclude<Published, { is: 'refused' }>): readonly string[] {
  const name = `${published.template}@${published.version}`;
  if (published.is === 'unchanged') return [`${name} is published already, with the same content.`];
  const changes = published.changes.map(
    ({ path, text, isBreaking }) => `  ${isBreaking ? '!' : '~'} ${path} ${text}${isBreaking ? ' (breaking)' : ''}`,
  );
  const next =
    published.rollout === undefined
      ? ['Pipelines get it when they are applied or synced the next time.']
      : [
          'It goes through its rings by itself. See where it stands:',
          `  gennaker templates rollout ${published.template}`,
        ];
  return [`published ${name}`, ...changes, '', ...next];
}

export function renderImpact(report: Exclude<Impact, { is: 'refused' }>): readonly string[] {
  const { template, version, pipelines } = report;
  if (pipelines.length === 0) return [`No pipeline uses ${template}.`];
  const moving = pipelines.filter(({ moves }) => moves);
  const staying = pipelines.filter(({ moves }) => !moves);
  const breaking = moving.filter(({ problems }) => problems.length > 0);
  const changed = moving.filter(({ problems, changes }) => problems.length === 0 && changes.length > 0);
  const same = moving.length - breaking.length - changed.length;
  const wouldBreak = staying.filter(({ problems }) => problems.length > 0);
  const lines = [
    `${template}@${version}   ${count(pipelines.length, 'pipeline')} ${pipelines.length === 1 ? 'uses' : 'use'} ${template}`,
    ...report.changes.map(
      ({ path, text, isBreaking }) => `  ${isBreaking ? '!' : '~'} ${path} ${text}${isBreaking ? ' (breaking)' : ''}`,
    ),
    '',
    ...section(`${count(breaking.length, 'pipeline')} would break`, breaking, brokenLines),
    ...section(`${count(changed.length, 'pipeline')} would change`, changed, changedLines),
    ...(same === 0 ? [] : [`${count(same, 'pipeline')} would do the same as now`, '']),
    ...(staying.length === 0
      ? []
      : [
          `${count(staying.length, 'pipeline')} would stay: the versions that they ask for do not include ${version}`,
          ...(wouldBreak.length === 0 ? [''] : []),
        ]),
    ...section(
      `${count(wouldBreak.length, 'pipeline')} of those would break if they asked for it`,
      wouldBreak,
      brokenLines,
    ),
    ...(breaking.length > 0 ? [] : [`Publish it:  gennaker templates publish ${report.file}`]),
  ];
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

function section(
  heading: string,
  pipelines: readonly ImpactedPipeline[],
  lines: (pipeline: ImpactedPipeline) => readonly string[],
): readonly string[] {
  return pipelines.length === 0 ? [] : [heading, ...pipelines.flatMap(lines), ''];
}

function brokenLines({ pipeline, team, problems }: ImpactedPipeline): readonly string[] {
  return [
    `  ✖ ${pipeline} (${team})`,
    ...problems.map(({ file, line, column, message }) => `      ${file}:${line}:${column}  ${message}`),
  ];
}

function changedLines({ pipeline, team, from, changes }: ImpactedPipeline): readonly string[] {
  const shown = changes.slice(0, MAXIMUM_CHANGES).map((change) => `      ${changeLine(change)}`);
  const more = changes.length - shown.length;
  return [
    `  ~ ${pipeline} (${team}), from ${from}`,
    ...shown,
    ...(more > 0 ? [`      and ${count(more, 'more change')}`] : []),
  ];
}

export function renderCatalog(
  items: readonly CatalogEntry[],
  search: string | undefined,
  view: View,
): readonly string[] {
  if (items.length === 0) {
    return search === undefined
      ? ['Nothing is applied or published yet.']
      : [`Nothing has all of "${search}". All there is:  gennaker get catalog`];
  }
  const rows = items.map((item) =>
    item.kind === 'template'
      ? ['template', item.name, item.owner, '', '', item.description]
      : [
          'pipeline',
          item.name,
          item.owner,
          item.last.map(({ status }) => glyphOf(status)).join(''),
          item.successRate === null ? '' : `${Math.round(item.successRate * 100)} %`,
          `${item.uses.join(', ')}${item.targets.length === 0 ? '' : ` in ${item.targets.join(' ')}`}`,
        ],
  );
  const pipeline = items.find(({ kind }) => kind === 'pipeline');
  return [
    ...table(['KIND', 'NAME', 'OWNER', 'LAST', 'SUCCESS', 'WHAT'], rows, view),
    ...(pipeline === undefined ? [] : ['', `Start from one of them:  gennaker copy ${pipeline.name}`]),
  ];
}

function table(headings: readonly string[], rows: readonly (readonly string[])[], view: View): readonly string[] {
  const [head = '', ...rest] = renderTable(headings, rows, view.width);
  return [painter(view.colour)('quiet', head), ...rest];
}

function named(names: readonly string[]): string {
  const shown = names.slice(0, MAXIMUM_NAMES).join(', ');
  return names.length > MAXIMUM_NAMES ? `${shown} and ${names.length - MAXIMUM_NAMES} more` : shown;
}
