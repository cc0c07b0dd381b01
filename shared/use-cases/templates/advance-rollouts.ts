/** Moves each rollout on, called every minute: locks of a ring, then its proof, then the next ring; or all of it back. */
import semver from 'semver';
import type { AppliedPipeline } from '../../ports/pipelines.ts';
import type { LeftBehind, Rollout, RolloutState, TemplateRecord, VersionStanding } from '../../ports/templates.ts';
import { chooseVersion, isExact, matches } from './choose-version.ts';
import { executionsOn } from './executions-on.ts';
import type { Relocked, RolloutPorts } from './ports.ts';
import { describeRing, ringOf } from './rings.ts';

/** Rollouts that one tick looks at. */
const MAXIMUM_ACTIVE = 100;
/** Pipelines that are looked at between two writes of how far it has come. */
const PAGE = 50;
/** How long one tick works on one rollout; the next goes on. */
const BUDGET_MS = 20_000;
const MAXIMUM_STEPS = 1_000;
const RELOCK_TRIES = 3;
/** Pipelines that are remembered because they could not go back. */
const MAXIMUM_LEFT = 20;
/** A marker younger than this may belong to a rollout whose start is being written. */
const MARKER_PATIENCE_MS = 600_000;

/** One rollout that fails does not keep the others from moving. */
export async function advanceRollouts(ports: RolloutPorts): Promise<void> {
  for (const { key, value, version } of await ports.rollouts.list({ limit: MAXIMUM_ACTIVE })) {
    try {
      const isAtRest = await advanceRollout(ports, key);
      const isOld = value.since + MARKER_PATIENCE_MS <= ports.clock.now();
      if (isAtRest && isOld) await ports.rollouts.delete({ key, expected: version });
    } catch (error) {
      ports.log.write('ERROR', 'A rollout could not be moved on', { template: key, error });
    }
  }
}

/** Moves one rollout as far as it goes now. Returns whether it is at rest: over, or stopped until a person decides. */
export async function advanceRollout(ports: RolloutPorts, template: string): Promise<boolean> {
  const latest = ports.clock.now() + BUDGET_MS;
  for (let step = 0; step < MAXIMUM_STEPS && ports.clock.now() < latest; step += 1) {
    const found = await ports.templates.read({ key: template });
    const rollout = found?.value.rollout;
    if (found === undefined || rollout === undefined || isResting(rollout)) return true;
    const moved = await movedOn(ports, found.value, rollout);
    const written = await ports.templates.write({
      key: template,
      value: withRollout(found.value, { ...rollout, ...moved.change }),
      expected: found.version,
    });
    // Another tick or a person was faster: what they wrote is where it goes on from.
    if (written === 'conflict' || moved.waits) return false;
  }
  return false;
}

export function isResting({ state }: Rollout): boolean {
  return state.is === 'stopped' || state.is === 'over';
}

/** The record with the rollout as it now is, and its version standing as that says. */
export function withRollout(record: TemplateRecord, rollout: Rollout): TemplateRecord {
  const standing = standingOf(rollout.state);
  const versions = record.versions.map((one) => (one.version === rollout.version ? { ...one, standing } : one));
  return { ...record, versions, rollout };
}

function standingOf(state: RolloutState): VersionStanding {
  switch (state.is) {
    case 'moving':
    case 'proving':
    case 'stopped':
      return 'rolling';
    case 'goingBack':
      return 'withdrawn';
    case 'over':
      return state.how === 'released' ? 'released' : 'withdrawn';
  }
}

type Moved = {
  readonly change: { readonly state: RolloutState; readonly ring?: number };
  /** Whether there is nothing more to do now. */
  readonly waits: boolean;
};

async function movedOn(ports: RolloutPorts, record: TemplateRecord, rollout: Rollout): Promise<Moved> {
  const { state } = rollout;
  switch (state.is) {
    case 'moving':
      return moveLocks(ports, record, rollout, state);
    case 'proving':
      return countProof(ports, record, rollout, state);
    case 'goingBack':
      return goBack(ports, record, rollout, state);
    case 'stopped':
    case 'over':
      return { change: { state }, waits: true };
  }
}

async function moveLocks(
  ports: RolloutPorts,
  record: TemplateRecord,
  rollout: Rollout,
  state: RolloutState & { is: 'moving' },
): Promise<Moved> {
  const { page, last } = await pageAfter(ports, state.past);
  for (const pipeline of page) {
    if (ringOf(rollout, record.name, pipeline.name) > rollout.ring) continue;
    const relocked = await relock(ports, pipeline.name, async (now) => {
      if (!(await isToMove(ports, record.name, rollout.version, now))) return undefined;
      return { template: record.name, version: rollout.version };
    });
    if (relocked?.is === 'refused') return stopped(ports, pipeline.name, relocked.because);
  }
  if (last !== undefined) return { change: { state: { ...state, past: last } }, waits: false };
  // Pipelines run while others still wait for their locks to move, and what fails then is a failure too.
  const { since } = state;
  return {
    change: { state: { is: 'proving', since, past: '', round: { pipelines: 0, successes: 0 } } },
    waits: false,
  };
}

async function countProof(
  ports: RolloutPorts,
  record: TemplateRecord,
  rollout: Rollout,
  state: RolloutState & { is: 'proving' },
): Promise<Moved> {
  const { page, last } = await pageAfter(ports, state.past);
  let { pipelines, successes } = state.round;
  for (const pipeline of page) {
    if (pipeline.templates?.[record.name] !== rollout.version) continue;
    const ring = ringOf(rollout, record.name, pipeline.name);
    if (ring > rollout.ring || (await isPinned(ports, record.name, pipeline))) continue;
    const on = { pipeline: pipeline.name, template: record.name, version: rollout.version, since: state.since };
    const counted = await executionsOn(ports, on);
    if (counted.failed !== undefined) {
      return stopped(ports, pipeline.name, `Its execution ${counted.failed} failed.`, counted.failed);
    }
    if (ring !== rollout.ring) continue;
    pipelines += 1;
    successes += counted.successes;
  }
  const round = { pipelines, successes };
  if (last !== undefined) return { change: { state: { ...state, past: last, round } }, waits: false };
  if (pipelines > 0 && successes < rollout.after) {
    const again = { past: '', round: { pipelines: 0, successes: 0 }, counted: round };
    return { change: { state: { ...state, ...again } }, waits: true };
  }
  return { change: nextRing(ports, record, rollout), waits: false };
}

function nextRing(ports: RolloutPorts, record: TemplateRecord, rollout: Rollout): Moved['change'] {
  const ring = rollout.ring + 1;
  const { name: template } = record;
  const next = rollout.rings[ring];
  if (next === undefined) {
    ports.log.write('INFO', 'A template version is released', { template, version: rollout.version });
    return { state: { is: 'over', at: ports.clock.now(), how: 'released', left: [] } };
  }
  ports.log.write('INFO', 'A template version goes to the next ring', {
    template,
    version: rollout.version,
    ring: describeRing(next),
  });
  return { ring, state: { is: 'moving', since: ports.clock.now(), past: '' } };
}

function stopped(ports: RolloutPorts, pipeline: string, because: string, execution?: string): Moved {
  const at = ports.clock.now();
  const state: RolloutState = {
    is: 'stopped',
    at,
    pipeline,
    because,
    ...(execution === undefined ? {} : { execution }),
  };
  ports.log.write('WARNING', 'A rollout of a template stopped', { pipeline, because });
  return { change: { state }, waits: true };
}

async function goBack(
  ports: RolloutPorts,
  record: TemplateRecord,
  rollout: Rollout,
  state: RolloutState & { is: 'goingBack' },
): Promise<Moved> {
  const { page, last } = await pageAfter(ports, state.past);
  const left: LeftBehind[] = [...state.left];
  for (const { name } of page) {
    let missing: string | undefined;
    const relocked = await relock(ports, name, async (pipeline) => {
      if (pipeline.templates?.[record.name] !== rollout.version) return undefined;
      const before = await versionBefore(ports, record, rollout.version, pipeline);
      if (before === undefined || 'version' in before) return before && { template: record.name, ...before };
      missing = before.problem;
      return undefined;
    });
    const because = missing ?? (relocked?.is === 'refused' ? relocked.because : undefined);
    if (because !== undefined && left.length < MAXIMUM_LEFT) left.push({ pipeline: name, because });
  }
  if (last !== undefined) return { change: { state: { ...state, past: last, left } }, waits: false };
  return { change: { state: { is: 'over', at: ports.clock.now(), how: 'rolledBack', left } }, waits: true };
}

/** The version that the pipeline had before, or else the one that it would get now; undefined where it is pinned. */
async function versionBefore(
  ports: RolloutPorts,
  record: TemplateRecord,
  withdrawn: string,
  pipeline: AppliedPipeline,
): Promise<{ readonly version: string } | { readonly problem: string } | undefined> {
  const ranges = await rangesOf(ports, record.name, pipeline);
  if (ranges.some(isExact)) return undefined;
  const before = pipeline.templatesBefore?.[record.name];
  const isThere = record.versions.some(({ version, standing }) => version === before && standing !== 'withdrawn');
  if (before !== undefined && isThere && before !== withdrawn && ranges.every((range) => matches(range, before))) {
    return { version: before };
  }
  const chosen = chooseVersion({ record, range: ranges.join(' '), pipeline: pipeline.name });
  return 'problem' in chosen ? chosen : { version: chosen.version.version };
}

/** Moves a pipeline's lock to what `wanted` says of it as it is now, or not. Throws where others keep changing it. */
async function relock(
  ports: RolloutPorts,
  name: string,
  wanted: (pipeline: AppliedPipeline) => Promise<{ template: string; version: string } | undefined>,
): Promise<Relocked | undefined> {
  for (let tries = 0; tries < RELOCK_TRIES; tries += 1) {
    const pipeline = await ports.pipelines.get({ name });
    const to = pipeline === undefined ? undefined : await wanted(pipeline);
    if (pipeline === undefined || to === undefined) return undefined;
    const relocked = await ports.relock({ pipeline, ...to });
    if (relocked.is !== 'conflict') return relocked;
  }
  throw new Error(
    `moving a template's lock: the pipeline ${name} was changed by others ${RELOCK_TRIES} times meanwhile`,
  );
}

/** Whether a rollout of the version takes the pipeline along: it asks for a range with it, and runs a lower one. */
export async function isToMove(
  ports: Pick<RolloutPorts, 'usesOf'>,
  template: string,
  version: string,
  pipeline: AppliedPipeline,
): Promise<boolean> {
  const locked = pipeline.templates?.[template];
  if (locked === undefined || !semver.lt(locked, version)) return false;
  const ranges = await rangesOf(ports, template, pipeline);
  return ranges.every((range) => !isExact(range) && matches(range, version));
}

async function isPinned(ports: RolloutPorts, template: string, pipeline: AppliedPipeline): Promise<boolean> {
  return (await rangesOf(ports, template, pipeline)).some(isExact);
}

async function rangesOf(
  ports: Pick<RolloutPorts, 'usesOf'>,
  template: string,
  pipeline: AppliedPipeline,
): Promise<readonly string[]> {
  const uses = await ports.usesOf(pipeline);
  return uses.filter((use) => use.name === template).map(({ range }) => range);
}

/** The next pipelines by name. `last` is the name of the last of them where more may follow. */
async function pageAfter(
  { pipelines }: RolloutPorts,
  past: string,
): Promise<{ readonly page: readonly AppliedPipeline[]; readonly last: string | undefined }> {
  const page = await pipelines.list({ limit: PAGE, ...(past === '' ? {} : { after: past }) });
  return { page, last: page.length === PAGE ? page.at(-1)?.name : undefined };
}
