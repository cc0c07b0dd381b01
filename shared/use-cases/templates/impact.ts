/** What a version of a template would change before it is published: every pipeline that uses it, with the difference of its plan, and which would break. */
import semver from 'semver';
import { changesOfPlan, type PipelineChange } from '../../pipeline/difference.ts';
import type { Problem } from '../../pipeline/problem.ts';
import type { Template } from '../../pipeline/template.ts';
import type { AppliedPipeline } from '../../ports/pipelines.ts';
import type { PublishedVersion, TemplateRecord } from '../../ports/templates.ts';
import { isExact, matches } from './choose-version.ts';
import { differenceOf, type TemplateChange } from './difference.ts';
import { type Choose, choiceFor, choiceOf, type Library, type OpenLibrary, withTemplates } from './library.ts';
import type { LanguagePorts, RolloutPorts } from './ports.ts';
import { allPipelines } from './publish.ts';
import { type Outlined, outlineWith, readTemplate } from './read-with.ts';

export type ImpactedPipeline = {
  readonly pipeline: string;
  readonly team: string;
  /** The version that it runs now. */
  readonly from: string;
  /** Whether the version would come to it: it asks for a range that has it, and not for one version exactly. */
  readonly moves: boolean;
  /** What its plan would do differently. */
  readonly changes: readonly PipelineChange[];
  /** What would be wrong with its file then, and is not now. */
  readonly problems: readonly Problem[];
};

export type Impact =
  | {
      readonly is: 'compared';
      readonly file: string;
      readonly template: string;
      readonly version: string;
      /** What differs from the version before it. */
      readonly changes: readonly TemplateChange[];
      /** Those that use the template, by name. */
      readonly pipelines: readonly ImpactedPipeline[];
    }
  | { readonly is: 'refused'; readonly problems: readonly Problem[] };

export type ImpactPorts = Pick<RolloutPorts, 'pipelines' | 'blobs' | 'usesOf'> &
  LanguagePorts & { readonly openLibrary: OpenLibrary };

export async function impactOf(
  ports: ImpactPorts,
  { file, text }: { readonly file: string; readonly text: string },
): Promise<Impact> {
  const library = await ports.openLibrary();
  const read = await withTemplates(library, choiceFor(''), (templates) =>
    readTemplate({ file, text, kinds: ports.kinds, templates }),
  );
  if ('problems' in read) return { is: 'refused', problems: read.problems };
  const { template } = read;
  const candidate = withCandidate(library, template);
  const pipelines: ImpactedPipeline[] = [];
  for await (const pipeline of allPipelines(ports)) {
    const from = pipeline.templates?.[template.template];
    if (from !== undefined) pipelines.push(await impactOn(ports, candidate, pipeline, template, from));
  }
  return {
    is: 'compared',
    file,
    template: template.template,
    version: template.version,
    changes: await changesSince(library, template),
    pipelines,
  };
}

async function changesSince(library: Library, template: Template): Promise<readonly TemplateChange[]> {
  const { versions = [] } = library.records.get(template.template) ?? {};
  const before = versions.findLast(
    ({ version, standing }) => standing !== 'withdrawn' && semver.lt(version, template.version),
  );
  return before === undefined ? [] : differenceOf(await library.load(before), template);
}

async function impactOn(
  ports: ImpactPorts,
  candidate: Candidate,
  pipeline: AppliedPipeline,
  template: Template,
  from: string,
): Promise<ImpactedPipeline> {
  const { name, team, file, templates: locks = {} } = pipeline;
  const uses = (await ports.usesOf(pipeline)).filter((use) => use.name === template.template);
  const moves = uses.every(({ range }) => !isExact(range) && matches(range, template.version));
  const text = await sourceOf(ports, pipeline);
  const locked = choiceOf(name, locks);
  const outline = (choose: Choose) =>
    withTemplates(candidate.library, choose, (templates) =>
      outlineWith({ file, text, pipeline: name, kinds: ports.kinds, templates }),
    );
  const before = await outline(locked);
  const after = await outline((use, record) =>
    use.name === template.template ? { version: candidate.version } : locked(use, record),
  );
  return {
    pipeline: name,
    team,
    from,
    moves,
    changes: isOutlined(before) && isOutlined(after) ? changesBetween(before, after) : [],
    problems: newProblems(before, after),
  };
}

/** That a stage comes from another version is why it is asked, and no answer. */
function changesBetween(before: Outlined, after: Outlined): readonly PipelineChange[] {
  return changesOfPlan(before.plan, after.plan).filter(
    (change) =>
      change.is !== 'changed' ||
      !change.path.endsWith('.uses') ||
      withoutVersion(change.from) !== withoutVersion(change.to),
  );
}

function withoutVersion(uses: unknown): string {
  return String(uses).replace(/@\S+$/u, '');
}

type Result = Outlined | { readonly problems: readonly Problem[] };

function isOutlined(result: Result): result is Outlined {
  return 'plan' in result;
}

/** What was wrong before, in another pipeline of the file perhaps, is not the new version's doing. */
function newProblems(before: Result, after: Result): readonly Problem[] {
  if (isOutlined(after)) return [];
  const known = new Set(isOutlined(before) ? [] : before.problems.map(({ message }) => message));
  return after.problems.filter(({ message }) => !known.has(message));
}

/** The text of the file that the pipeline was applied from. Throws where it is not kept. */
export async function sourceOf(ports: Pick<RolloutPorts, 'blobs'>, pipeline: AppliedPipeline): Promise<string> {
  const text = pipeline.source === undefined ? undefined : await ports.blobs.get({ hash: pipeline.source });
  if (text === undefined)
    throw new Error(`reading the file of ${pipeline.name}: it is not in the store; apply it again`);
  return text;
}

type Candidate = { readonly library: Library; readonly version: PublishedVersion };

/** The library with one version more, which nobody has published yet. */
function withCandidate(library: Library, template: Template): Candidate {
  const { template: name, version: exact, owner, description = '' } = template;
  const version: PublishedVersion = {
    version: exact,
    definition: '',
    source: '',
    file: '',
    publishedAt: 0,
    by: '',
    standing: 'rolling',
  };
  const known = library.records.get(name) ?? { format: 1 as const, name, owner, description, versions: [] };
  const record: TemplateRecord = { ...known, versions: [...known.versions, version] };
  return {
    version,
    library: {
      records: new Map([...library.records, [name, record]]),
      load: (wanted) => library.load(wanted),
      loaded: (wanted) => (wanted === version ? template : library.loaded(wanted)),
    },
  };
}
