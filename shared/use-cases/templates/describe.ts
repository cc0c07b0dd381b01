/** How templates and their rollouts are told to people and scripts: one shape for the API, the console and the command line. */
import type { RingCount, Rollout, TemplateRecord, VersionStanding } from '../../ports/templates.ts';
import { type Timestamp, timestamp } from '../describe-execution.ts';
import { MAXIMUM_TEMPLATES } from './library.ts';
import type { RolloutPorts } from './ports.ts';
import { allPipelines } from './publish.ts';
import { describeRing, ringOf } from './rings.ts';

export type VersionDescription = {
  readonly version: string;
  readonly standing: VersionStanding;
  readonly publishedAt: Timestamp;
  readonly by: string;
  readonly deprecated: string | null;
  /** The pipelines that run it, by name. */
  readonly usedBy: readonly string[];
};

export type RolloutDescription = {
  readonly version: string;
  readonly state: 'moving' | 'proving' | 'stopped' | 'goingBack' | 'released' | 'rolledBack';
  readonly rings: readonly {
    readonly ring: string;
    /** Pipelines of the ring that run the version. */
    readonly moved: number;
    readonly state: 'proved' | 'current' | 'later';
  }[];
  /** Successful executions that each ring has to show. */
  readonly after: number;
  readonly counted: RingCount | null;
  readonly startedAt: Timestamp;
  /** Where it stands, in one sentence. */
  readonly text: string;
  /** What moves it on, the safest first. */
  readonly unblock: readonly { readonly what: string; readonly command: string }[];
};

export type TemplateDescription = {
  readonly name: string;
  readonly owner: string;
  readonly description: string;
  /** The highest that whoever asks for a range gets; null while there is none. */
  readonly released: string | null;
  /** The newest first. */
  readonly versions: readonly VersionDescription[];
  readonly rollout: RolloutDescription | null;
};

type Ports = Pick<RolloutPorts, 'templates' | 'pipelines'>;

/** All templates, by name. */
export async function describeTemplates(ports: Ports): Promise<readonly TemplateDescription[]> {
  const [cells, users] = await Promise.all([ports.templates.list({ limit: MAXIMUM_TEMPLATES }), usersOf(ports)]);
  return cells.map(({ value }) => describe(value, users));
}

export async function describeTemplate(
  ports: Ports,
  { name }: { readonly name: string },
): Promise<TemplateDescription | undefined> {
  const found = await ports.templates.read({ key: name });
  return found === undefined ? undefined : describe(found.value, await usersOf(ports));
}

/** By `template@version`, the pipelines that run it. */
type Users = ReadonlyMap<string, readonly string[]>;

async function usersOf(ports: Ports): Promise<Users> {
  const users = new Map<string, string[]>();
  for await (const { name, templates } of allPipelines(ports)) {
    for (const [template, version] of Object.entries(templates ?? {})) {
      const key = `${template}@${version}`;
      const known = users.get(key);
      if (known === undefined) users.set(key, [name]);
      else known.push(name);
    }
  }
  return users;
}

function describe(record: TemplateRecord, users: Users): TemplateDescription {
  const usedBy = (version: string): readonly string[] => users.get(`${record.name}@${version}`) ?? [];
  return {
    name: record.name,
    owner: record.owner,
    description: record.description,
    released: record.versions.findLast(({ standing }) => standing === 'released')?.version ?? null,
    versions: record.versions.toReversed().map(({ version, standing, publishedAt, by, deprecated }) => ({
      version,
      standing,
      publishedAt: timestamp(publishedAt),
      by,
      deprecated: deprecated ?? null,
      usedBy: usedBy(version),
    })),
    rollout: record.rollout === undefined ? null : describeRollout(record, record.rollout, usedBy),
  };
}

function describeRollout(
  { name }: TemplateRecord,
  rollout: Rollout,
  usedBy: (version: string) => readonly string[],
): RolloutDescription {
  const { version, rings, after, startedAt, state } = rollout;
  const onIt = usedBy(version);
  const inRing = (ring: number) => onIt.filter((pipeline) => ringOf(rollout, name, pipeline) === ring);
  const isReleased = state.is === 'over' && state.how === 'released';
  return {
    version,
    state: state.is === 'over' ? state.how : state.is,
    rings: rings.map((ring, index) => ({
      ring: describeRing(ring),
      moved: inRing(index).length,
      state: isReleased || index < rollout.ring ? 'proved' : index === rollout.ring ? 'current' : 'later',
    })),
    after,
    counted: state.is === 'proving' ? (state.counted ?? null) : null,
    startedAt: timestamp(startedAt),
    ...sentenceOf(name, rollout, inRing(rollout.ring)),
  };
}

function sentenceOf(
  name: string,
  rollout: Rollout,
  members: readonly string[],
): Pick<RolloutDescription, 'text' | 'unblock'> {
  const { version, state, rings, after } = rollout;
  const current = rings[rollout.ring];
  const ring = `Ring ${rollout.ring + 1} of ${rings.length}${current === undefined ? '' : ` (${describeRing(current)})`}`;
  const back = { what: 'Go back to the version before', command: `gennaker templates rollback ${name}` };
  switch (state.is) {
    case 'moving':
      return { text: `${ring}: its pipelines are being moved to ${version}.`, unblock: [] };
    case 'proving': {
      const successes = state.counted?.successes ?? 0;
      const missing = Math.max(0, after - successes);
      const text = `${ring} waits for ${missing} more successful ${missing === 1 ? 'execution' : 'executions'} on ${version}; it has ${successes} of ${after}.`;
      const [member] = members;
      const run = member === undefined ? [] : [{ what: 'Run one now', command: `gennaker run ${member}` }];
      return { text, unblock: [...run, back] };
    }
    case 'stopped': {
      const look =
        state.execution === undefined
          ? { what: 'See what would break', command: `gennaker templates impact FILE` }
          : { what: 'See what failed', command: `gennaker why ${state.execution}` };
      const onward = {
        what: 'Go on in spite of it: the next rings get what failed here',
        command: `gennaker templates rollout ${name} --continue`,
      };
      return { text: `${ring} stopped at ${state.pipeline}: ${state.because}`, unblock: [look, back, onward] };
    }
    case 'goingBack':
      return { text: `Pipelines are being moved back from ${version}, as ${state.by} asked.`, unblock: [] };
    case 'over':
      return { text: endOf(version, state), unblock: [] };
  }
}

function endOf(version: string, state: Rollout['state'] & { is: 'over' }): string {
  if (state.how === 'released') return `${version} is released.`;
  if (state.left.length === 0) return `${version} is withdrawn, and nobody runs it who did not name it exactly.`;
  const left = state.left.map(({ pipeline, because }) => `${pipeline} (${because})`).join(', ');
  return `${version} is withdrawn. These could not go back: ${left}.`;
}
