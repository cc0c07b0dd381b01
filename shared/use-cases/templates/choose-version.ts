/** Which exact version of a template a pipeline gets for the range that it asks for: pure. */
import semver from 'semver';
import type { AppliedPipeline, TemplateLock } from '../../ports/pipelines.ts';
import type { PublishedVersion, TemplateRecord } from '../../ports/templates.ts';
import { ringOf } from './rings.ts';

/** Whether the range names one version exactly: such a pipeline is moved by nobody. */
export function isExact(range: string): boolean {
  return semver.valid(range) !== null;
}

/** Whether the text says which versions will do. */
export function isRange(text: string): boolean {
  return text.trim() !== '' && semver.validRange(text) !== null;
}

export function matches(range: string, version: string): boolean {
  return semver.satisfies(version, range);
}

/** In the order of their precedence. */
export function byPrecedence(left: { readonly version: string }, right: { readonly version: string }): number {
  return semver.compare(left.version, right.version);
}

export type Choice = { readonly version: PublishedVersion } | { readonly problem: string };

/**
 * The highest version in the range that the pipeline may have. One that it names exactly and runs already it keeps. `locked` is the one that it runs now, if any: only
 * pipelines that run already take part in a rollout.
 */
export function chooseVersion(command: {
  readonly record: TemplateRecord;
  readonly range: string;
  readonly pipeline: string;
  readonly locked?: string | undefined;
}): Choice {
  const { record, range } = command;
  const matching = record.versions.filter(({ version }) => matches(range, version));
  const version = matching.findLast((one) => isKept(command, one) || mayHave(command, one));
  if (version !== undefined) return { version };
  const named = isExact(range) ? matching.at(-1) : undefined;
  if (named !== undefined) return { problem: withheld(record, named) };
  const released = record.versions.filter(({ standing }) => standing === 'released').map((one) => one.version);
  const there = released.length === 0 ? 'none is released' : `released are ${listed(released)}`;
  return { problem: `no version of "${record.name}" that is released matches "${range}"; ${there}` };
}

/** Whether the pipeline runs the version already and names it: nobody takes it away. */
function isKept(
  { range, locked }: { range: string; locked?: string | undefined },
  { version }: PublishedVersion,
): boolean {
  return isExact(range) && version === locked;
}

/** Why a pipeline may not have the version that it names, and the way on. */
function withheld({ name, versions, rollout }: TemplateRecord, { version, standing }: PublishedVersion): string {
  const released = versions.filter((one) => one.standing === 'released').map((one) => one.version);
  const use = released.length === 0 ? 'no other is released yet' : `released are ${listed(released)}`;
  if (standing === 'withdrawn') return `${name} ${version} was rolled back, and nobody new gets it; ${use}`;
  if (rollout?.version === version && rollout.state.is === 'stopped') {
    return `${name} ${version} gets to nobody new, because its rollout has stopped: gennaker templates rollout ${name} says why; ${use}`;
  }
  const wait = 'it comes by itself to pipelines that use a range with it';
  return `${name} ${version} is on its way through its rings, which have not reached this pipeline: ${wait}; ${use}`;
}

/** What a pipeline goes back to: of each template the version that it ran before the one in `lock`. */
export function locksBefore(before: AppliedPipeline | undefined, lock: TemplateLock): TemplateLock {
  const entries = Object.entries(lock).flatMap(([name, version]): [string, string][] => {
    const last = before?.templates?.[name];
    const earlier = last === undefined || last === version ? before?.templatesBefore?.[name] : last;
    return earlier === undefined ? [] : [[name, earlier]];
  });
  return Object.fromEntries(entries);
}

function mayHave(
  { record, pipeline, locked }: { record: TemplateRecord; pipeline: string; locked?: string | undefined },
  { version, standing }: PublishedVersion,
): boolean {
  if (standing !== 'rolling') return standing === 'released';
  const { rollout } = record;
  if (rollout?.version !== version || locked === undefined) return false;
  if (rollout.state.is === 'stopped') return locked === version;
  return ringOf(rollout, record.name, pipeline) <= rollout.ring;
}

const MAXIMUM_LISTED = 8;

function listed(versions: readonly string[]): string {
  const newest = versions.toReversed().slice(0, MAXIMUM_LISTED).join(', ');
  return versions.length > MAXIMUM_LISTED ? `${newest}, …` : newest;
}
