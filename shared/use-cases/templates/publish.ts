/** Publishes a version of a template: checked against those before it, then released at once or sent through rings. */
import semver from 'semver';
import type { Hash } from '../../core/plan.ts';
import { canonicalJson } from '../../pipeline/canonical.ts';
import type { Path, Problem } from '../../pipeline/problem.ts';
import type { Template } from '../../pipeline/template.ts';
import type { AppliedPipeline } from '../../ports/pipelines.ts';
import {
  MAXIMUM_TEMPLATE_VERSIONS,
  type PublishedVersion,
  type Rollout,
  type TemplateRecord,
} from '../../ports/templates.ts';
import { isResting, isToMove, withRollout } from './advance-rollouts.ts';
import { byPrecedence } from './choose-version.ts';
import { differenceOf, type TemplateChange } from './difference.ts';
import { choiceFor, type Library, type OpenLibrary, withTemplates } from './library.ts';
import type { LanguagePorts, RolloutPorts } from './ports.ts';
import { readTemplate } from './read-with.ts';
import { parseRings, type RingRequest, ringsFor } from './rings.ts';

/** Successful executions in a ring before the next one's locks move, where nobody says how many. */
export const DEFAULT_AFTER = 3;
const MAXIMUM_AFTER = 1_000;
const MAXIMUM_PIPELINES = 20_000;
const PAGE = 200;
const TRIES = 5;

export type PublishPorts = RolloutPorts & LanguagePorts & { readonly openLibrary: OpenLibrary };

export type PublishCommand = {
  readonly file: string;
  readonly text: string;
  readonly by: string;
  /** As `10%,50%,100%`; without it the version is released at once. */
  readonly rings?: string | undefined;
  readonly after?: number | undefined;
  /** Lets the file's owner take the template over from the one before. */
  readonly takeOver?: boolean | undefined;
};

export type Published =
  | {
      readonly is: 'published';
      readonly template: string;
      readonly version: string;
      /** What differs from the version before it. */
      readonly changes: readonly TemplateChange[];
      readonly rollout?: Rollout;
    }
  /** That version is there already, with the same content. */
  | { readonly is: 'unchanged'; readonly template: string; readonly version: string }
  | { readonly is: 'refused'; readonly problems: readonly Problem[] };

export async function publishTemplate(ports: PublishPorts, command: PublishCommand): Promise<Published> {
  const { file, text } = command;
  const whole = (message: string): Published => ({
    is: 'refused',
    problems: [{ file, line: 1, column: 1, message }],
  });
  const rings = command.rings === undefined ? undefined : parseRings(command.rings);
  if (rings !== undefined && 'problem' in rings) return whole(rings.problem);
  const after = command.after ?? DEFAULT_AFTER;
  if (!Number.isInteger(after) || after < 1 || after > MAXIMUM_AFTER) {
    return whole(`a ring is proved by 1 to ${MAXIMUM_AFTER} successful executions, not ${after}`);
  }
  const library = await ports.openLibrary();
  const checked = await withTemplates(library, choiceFor(''), (templates) =>
    readTemplate({ file, text, kinds: ports.kinds, templates }),
  );
  if ('problems' in checked) return { is: 'refused', problems: checked.problems };
  const { template, placeOf } = checked;
  const definition = await ports.blobs.put({ text: canonicalJson(JSON.parse(JSON.stringify(template))) });
  const source = await ports.blobs.put({ text });
  for (let tries = 0; tries < TRIES; tries += 1) {
    const found = await ports.templates.read({ key: template.template });
    const known = found?.value.versions.find(({ version }) => version === template.version);
    if (known?.definition === definition && known.standing !== 'withdrawn') {
      return { is: 'unchanged', template: template.template, version: template.version };
    }
    const refusals = found === undefined ? [] : refusalsOf(found.value, template, command);
    const before = await versionBefore(library, found?.value, template.version);
    const changes = before === undefined ? [] : differenceOf(before, template);
    if (before !== undefined && refusals.length === 0) refusals.push(...breaks(before.version, template, changes));
    if (refusals.length > 0) {
      const problems = refusals.map(({ path, message }) => ({ file, ...placeOf(path), message }));
      return { is: 'refused', problems };
    }
    const version = publishedVersion(ports, template, { definition, source }, command);
    const rollout = await rolloutOf(ports, template, rings?.rings, after);
    const record = withRollout(recordWith(found?.value, template, version), rollout);
    const { key, value } = { key: template.template, value: record };
    if (!isResting(rollout)) await markActive(ports, key, rollout.version);
    if ((await ports.templates.write({ key, value, expected: found?.version ?? 'absent' })) === 'conflict') continue;
    return {
      is: 'published',
      template: template.template,
      version: template.version,
      changes,
      ...(rings === undefined ? {} : { rollout }),
    };
  }
  throw new Error(`publishing ${template.template}: others changed it ${TRIES} times meanwhile; try again`);
}

type Refused = { readonly path: Path; readonly message: string };

function refusalsOf(record: TemplateRecord, template: Template, command: PublishCommand): Refused[] {
  const { name } = record;
  const refused: Refused[] = [];
  if (record.owner !== template.owner && command.takeOver !== true) {
    refused.push({
      path: ['owner'],
      message: `owner  "${name}" belongs to ${record.owner}, not to ${template.owner}; where it is handed over, publish it with --take-over`,
    });
  }
  const known = record.versions.find(({ version }) => version === template.version);
  const highest = record.versions.findLast(({ version }) => semver.major(version) === semver.major(template.version));
  const next = highest === undefined ? '' : `the next is ${semver.inc(highest.version, 'patch')} or higher`;
  if (known?.standing === 'withdrawn') {
    refused.push(inVersion(`${name} ${template.version} was rolled back; ${next}`));
  } else if (known !== undefined) {
    refused.push(
      inVersion(`${name} ${template.version} is published with other content, and a version never changes; ${next}`),
    );
  } else if (highest !== undefined && semver.lt(template.version, highest.version)) {
    refused.push(inVersion(`${template.version} is lower than ${highest.version}, which is published; ${next}`));
  }
  if (known === undefined && record.versions.length >= MAXIMUM_TEMPLATE_VERSIONS) {
    refused.push(
      inVersion(`${name} has ${MAXIMUM_TEMPLATE_VERSIONS} versions, the most that are kept; go on under another name`),
    );
  }
  const { rollout } = record;
  if (rollout !== undefined && rollout.state.is !== 'over' && !replaces(rollout, template.version)) {
    refused.push(
      inVersion(
        `${name} ${rollout.version} is on its way through its rings; see gennaker templates rollout ${name}, or give it up: gennaker templates rollback ${name}`,
      ),
    );
  }
  return refused;
}

function inVersion(message: string): Refused {
  return { path: ['version'], message: `version  ${message}` };
}

/** A rollout that has stopped is followed by a version that mends it; its pipelines go on to that. */
function replaces(rollout: Rollout, version: string): boolean {
  return (
    rollout.state.is === 'stopped' &&
    semver.gt(version, rollout.version) &&
    semver.major(version) === semver.major(rollout.version)
  );
}

/** Why the version must have a higher first number. Before 1.0.0 anything may change. */
function breaks(before: string, template: Template, changes: readonly TemplateChange[]): Refused[] {
  const major = semver.major(template.version);
  const breaking = changes.filter(({ isBreaking }) => isBreaking);
  if (breaking.length === 0 || major === 0 || major !== semver.major(before)) return [];
  const told = breaking.map(({ path, text }) => `${path} ${text}`).join('; ');
  return [
    inVersion(
      `${template.version} breaks files that are right with ${before}, so it must be ${major + 1}.0.0: ${told}`,
    ),
  ];
}

/** The highest version below it that is not withdrawn. */
async function versionBefore(
  library: Library,
  record: TemplateRecord | undefined,
  version: string,
): Promise<Template | undefined> {
  const before = record?.versions.findLast((one) => one.standing !== 'withdrawn' && semver.lt(one.version, version));
  return before === undefined ? undefined : library.load(before);
}

function publishedVersion(
  { clock }: PublishPorts,
  { version, deprecated }: Template,
  blobs: { readonly definition: Hash; readonly source: Hash },
  { file, by }: PublishCommand,
): PublishedVersion {
  return {
    version,
    ...blobs,
    file,
    publishedAt: clock.now(),
    by,
    standing: 'rolling',
    ...(deprecated === undefined ? {} : { deprecated }),
  };
}

/** The record with the new version; one whose rollout had stopped is withdrawn by it. */
function recordWith(record: TemplateRecord | undefined, template: Template, version: PublishedVersion): TemplateRecord {
  const earlier = (record?.versions ?? []).map((one) =>
    one.standing === 'rolling' ? { ...one, standing: 'withdrawn' as const } : one,
  );
  return {
    format: 1,
    name: template.template,
    owner: template.owner,
    description: template.description ?? '',
    versions: [...earlier, version].sort(byPrecedence),
  };
}

/** Without rings the version is released at once: one ring of everyone, which needs no proof and moves no lock. */
async function rolloutOf(
  ports: PublishPorts,
  { template, version }: Template,
  requests: readonly RingRequest[] | undefined,
  after: number,
): Promise<Rollout> {
  const startedAt = ports.clock.now();
  if (requests === undefined) {
    const rings = ringsFor({ requests: [{ percent: 100 }], template, pipelines: [] });
    const state = { is: 'over', at: startedAt, how: 'released', left: [] } as const;
    return { version, rings, after: 0, startedAt, ring: 0, state };
  }
  const pipelines: string[] = [];
  for await (const pipeline of allPipelines(ports)) {
    if (await isToMove(ports, template, version, pipeline)) pipelines.push(pipeline.name);
  }
  const rings = ringsFor({ requests, template, pipelines });
  return { version, rings, after, startedAt, ring: 0, state: { is: 'moving', since: startedAt, past: '' } };
}

/** Every pipeline there is, by name, from the first one after `past`. Throws where they are more than can be. */
export async function* allPipelines(
  { pipelines }: Pick<RolloutPorts, 'pipelines'>,
  past?: string,
): AsyncGenerator<AppliedPipeline> {
  let after = past;
  for (let seen = 0; seen < MAXIMUM_PIPELINES; seen += PAGE) {
    const page = await pipelines.list({ limit: PAGE, ...(after === undefined ? {} : { after }) });
    yield* page;
    after = page.at(-1)?.name;
    if (page.length < PAGE) return;
  }
  throw new Error(`there are more than ${MAXIMUM_PIPELINES} pipelines, the most that are looked through`);
}

/** To be called before the record says that the rollout moves: what is not marked is never looked at. */
export async function markActive(
  ports: Pick<RolloutPorts, 'rollouts' | 'clock'>,
  template: string,
  version: string,
): Promise<void> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const found = await ports.rollouts.read({ key: template });
    const value = { format: 1, version, since: ports.clock.now() } as const;
    const written = await ports.rollouts.write({ key: template, value, expected: found?.version ?? 'absent' });
    if (written !== 'conflict') return;
  }
  throw new Error(`marking the rollout of ${template}: others changed it ${TRIES} times meanwhile; try again`);
}
