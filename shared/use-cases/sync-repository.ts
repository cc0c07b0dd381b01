/**
 * Brings what a registered branch holds into the system. What counts is where the branch stands when it is looked at,
 * never what an event says: events come late, twice and out of order. One worker syncs a repository at a time.
 */
import { GitError } from '../git/git-error.ts';
import type { GitReader } from '../git/reader.ts';
import type { Problem } from '../pipeline/problem.ts';
import type { ListedCells } from '../ports/cells.ts';
import type { Versioned } from '../ports/execution-store.ts';
import type { Inbox } from '../ports/inbox.ts';
import type { Log } from '../ports/log.ts';
import type { AppliedPipeline } from '../ports/pipelines.ts';
import type { Random } from '../ports/random.ts';
import type { Repository, SyncOutcome, Team } from '../ports/repositories.ts';
import { type AppliedFiles, type ApplyPorts, applyFiles, type CheckedFile, StaleApply } from './apply-files.ts';
import type { PipelineUpload } from './check-pipelines.ts';
import { type CheckRepositoryPorts, checkRepository, ownedByAnother, publisherOf } from './check-repository.ts';
import { type Timing, untilCommitted } from './engine.ts';
import type { OpenRepository } from './open-repository.ts';
import type { Origin } from './pipeline-record.ts';
import { templateService } from './templates/service.ts';

export type SyncPorts = ApplyPorts &
  CheckRepositoryPorts & {
    readonly repositories: ListedCells<Repository>;
    readonly teams: Pick<ListedCells<Team>, 'read'>;
    readonly inbox: Pick<Inbox, 'record' | 'replace'>;
    readonly git: GitReader;
    readonly open: OpenRepository;
    readonly random: Random;
    readonly log: Log;
    readonly timing: Timing;
  };

/** Looks that one delivery may take when pushes keep coming while it is at work. */
const MAXIMUM_ROUNDS = 5;
/** Lines that are kept of one outcome. */
const MAXIMUM_LINES = 100;
const MAXIMUM_LINE = 500;

export type SyncCommand = {
  readonly id: string;
  /** The event that it is done for; the record in the inbox is `syncRecordId` of the two. */
  readonly event: string;
};

/** `busy`: another worker is at it, and looks once more for this event. `gone`: nothing is registered under the id. */
export type Synced = { readonly is: 'busy' | 'gone' } | SyncOutcome;

/** The id of the inbox's record of what an event did to a repository. */
export function syncRecordId(command: SyncCommand): string {
  return `sync-${command.id}-${command.event}`;
}

/** Throws what a later delivery may mend. */
export async function syncRepository(ports: SyncPorts, command: SyncCommand): Promise<Synced> {
  let outcome: SyncOutcome | undefined;
  for (let round = 0; round < MAXIMUM_ROUNDS; round += 1) {
    const claimed = await claim(ports, command);
    if (claimed.is !== 'claimed') {
      if (outcome !== undefined) return outcome;
      if (claimed.is === 'busy') await recordBusy(ports, command);
      return claimed;
    }
    const done = await runRound(ports, command, claimed);
    outcome = done.outcome;
    if (!done.again) return outcome;
  }
  throw new Error(
    `the repository ${command.id} was pushed to ${MAXIMUM_ROUNDS} times while it was synced; once more later`,
  );
}

type Claimed = {
  readonly is: 'claimed';
  readonly repository: Repository;
  readonly by: string;
  readonly until: number;
  /** A worker before did not finish, and may have written half, or may be writing yet. */
  readonly isTakenOver: boolean;
};

async function claim(ports: SyncPorts, { id }: SyncCommand): Promise<Claimed | { readonly is: 'busy' | 'gone' }> {
  return untilCommitted(ports, `claiming the repository ${id}`, async () => {
    const before = await ports.repositories.read({ key: id });
    if (before === undefined) return { is: 'gone' as const };
    const now = ports.clock.now();
    const held = before.value.claim;
    if (held !== undefined && now < held.until) {
      if (held.again) return { is: 'busy' as const };
      const value: Repository = { ...before.value, claim: { ...held, again: true } };
      const written = await ports.repositories.write({ key: id, value, expected: before.version });
      return written === 'conflict' ? 'conflict' : { is: 'busy' as const };
    }
    const by = ports.random.id();
    const until = now + ports.timing.leaseMs;
    const value: Repository = { ...before.value, claim: { by, until } };
    const written = await ports.repositories.write({ key: id, value, expected: before.version });
    if (written === 'conflict') return 'conflict';
    return { is: 'claimed' as const, repository: before.value, by, until, isTakenOver: held !== undefined };
  });
}

/** One look at the branch. The claim is given back whatever comes of it; the inbox is told last. */
async function runRound(
  ports: SyncPorts,
  command: SyncCommand,
  claimed: Claimed,
): Promise<{ readonly outcome: SyncOutcome; readonly again: boolean }> {
  let result: Looked;
  try {
    result = await look(ports, command, claimed);
  } catch (error) {
    await release(ports, command, claimed, {});
    throw error;
  }
  const { is, again } = await release(ports, command, claimed, result);
  // Whoever took the claim over has looked since, or will: its record is the one that counts.
  if (is === 'lost') throw new StaleApply(`another worker has taken over the repository ${command.id}`);
  await record(ports, command, claimed.repository, result);
  return { outcome: result.outcome, again };
}

async function look(ports: SyncPorts, command: SyncCommand, claimed: Claimed): Promise<Looked> {
  const { repository } = claimed;
  const signal = AbortSignal.timeout(ports.timing.stepMs);
  const outcomeOf = (is: SyncOutcome['is'], commit: string, lines: readonly string[]): SyncOutcome => ({
    is,
    commit,
    at: ports.clock.now(),
    event: command.event,
    lines: lines.slice(0, MAXIMUM_LINES).map((line) => line.slice(0, MAXIMUM_LINE)),
  });
  const ref = `refs/heads/${repository.branch}`;
  let commit = '';
  try {
    const credentials = await ports.open(repository, signal);
    const at = { url: repository.url, ref, credentials, signal };
    const head = await ports.git.head(at);
    if (head === undefined) throw new GitError(`${repository.url} has no branch ${repository.branch}`);
    commit = head;
    const isSettled = !claimed.isTakenOver && !(await hasOverride(ports, repository));
    if (head === repository.live?.commit && isSettled) {
      const isRepeated = repository.outcome?.event === command.event && repository.outcome.commit === head;
      if (isRepeated && repository.outcome !== undefined) return { outcome: repository.outcome };
      return { outcome: outcomeOf('unchanged', head, []) };
    }
    const checkout = await ports.git.read({ ...at, folders: repository.folders });
    commit = checkout.commit;
    const applied = await apply(ports, claimed, checkout);
    const { published } = applied;
    if (applied.is === 'refused') {
      return { outcome: outcomeOf('refused', commit, [...published, ...applied.problems.map(lineOf)]), published };
    }
    const changes = applied.pipelines.filter(({ change }) => change !== 'unchanged');
    const lines = [...changes.map(({ name, change }) => `${name} ${change}`), ...published, ...applied.notes];
    const names = applied.pipelines.filter(({ change }) => change !== 'removed').map(({ name }) => name);
    const live = { commit, at: ports.clock.now(), pipelines: names.sort() };
    return { outcome: outcomeOf(lines.length === 0 ? 'unchanged' : 'synced', commit, lines), live };
  } catch (error) {
    if (!(error instanceof GitError) || error.retryable) throw error;
    return { outcome: outcomeOf('refused', commit, [error.message]) };
  }
}

/** Whether something that was applied by hand stands where the repository says otherwise: this look ends it. */
async function hasOverride(ports: SyncPorts, { id, live }: Repository): Promise<boolean> {
  for (const name of live?.pipelines ?? []) {
    const pipeline = await ports.pipelines.get({ name });
    if (pipeline?.managed?.repository === id && pipeline.override !== undefined) return true;
  }
  return false;
}

/** Templates that were published, one line each: versions are never taken back, whatever is refused after them. */
type Published = { readonly published: readonly string[] };
type Looked = { readonly outcome: SyncOutcome; readonly live?: Repository['live'] } & Partial<Published>;

async function apply(
  ports: SyncPorts,
  { repository, until }: Claimed,
  { commit, files }: { readonly commit: string; readonly files: { readonly [path: string]: string } },
): Promise<AppliedFiles & Published> {
  const team = (await ports.teams.read({ key: repository.team }))?.value;
  if (team === undefined) throw new GitError(`the team ${repository.team}, which the repository is bound to, is gone`);
  const own = (before: AppliedPipeline): boolean => before.managed?.repository === repository.id;
  const checked = await checkRepository(ports, { repository, team, files });
  const published: string[] = [];
  if ('problems' in checked) return { is: 'refused', problems: checked.problems, published };
  for (const { file, text } of checked.templates) {
    if (ports.clock.now() >= until) throw new StaleApply('the time to write has run out');
    const result = await templateService(ports).publish({ file, text, by: publisherOf(repository) });
    if (result.is === 'refused') return { is: 'refused', problems: result.problems, published };
    if (result.is === 'published') published.push(`template ${result.template} ${result.version} published`);
  }
  const applied = await applyFiles(ports, {
    uploads: uploadsOf(checked.pipelines),
    problems: [],
    team,
    origin: async (before): Promise<Origin | { refused: string }> => {
      const refused = await ownedByAnother(ports, repository, before);
      return refused === undefined ? { managed: { repository: repository.id, commit } } : { refused };
    },
    formerly: repository.live?.pipelines ?? [],
    mayRemove: own,
    mayWrite: () => ports.clock.now() < until,
  });
  return { ...applied, published };
}

/** Each file once, however many pipelines it has. */
function uploadsOf(checked: readonly CheckedFile[]): readonly PipelineUpload[] {
  return [...new Map(checked.map(({ upload }) => [upload.file, upload])).values()];
}

function lineOf({ file, line, column, message }: Problem): string {
  return `${file}:${line}:${column}  ${message}`;
}

/** Gives the claim back with what came of it; `lost` where another has it by now, and then nothing is written. */
async function release(
  ports: SyncPorts,
  { id }: SyncCommand,
  { by }: Claimed,
  result: { readonly outcome?: SyncOutcome; readonly live?: Repository['live'] },
): Promise<{ readonly is: 'released' | 'lost'; readonly again: boolean }> {
  return untilCommitted(ports, `giving back the repository ${id}`, async () => {
    const before: Versioned<Repository> | undefined = await ports.repositories.read({ key: id });
    if (before?.value.claim?.by !== by) return { is: 'lost' as const, again: false };
    const { claim: held, ...rest } = before.value;
    const { live, outcome } = result;
    const value: Repository = {
      ...rest,
      ...(live === undefined ? {} : { live }),
      ...(outcome === undefined ? {} : { outcome }),
    };
    if ((await ports.repositories.write({ key: id, value, expected: before.version })) === 'conflict')
      return 'conflict';
    return { is: 'released' as const, again: held?.again === true };
  });
}

async function recordBusy(ports: SyncPorts, command: SyncCommand): Promise<void> {
  const repository = (await ports.repositories.read({ key: command.id }))?.value;
  // Another delivery of this event may have told already what came of it, which is more.
  await ports.inbox.replace({
    expected: 'absent',
    entry: {
      format: 1,
      id: syncRecordId(command),
      receivedAt: ports.clock.now(),
      source: repository?.host ?? 'git',
      text: `${command.id} is being synced already, and is looked at once more for this`,
      changes: [],
      verdicts: [],
    },
  });
}

const SAID: { readonly [is in SyncOutcome['is']]: string } = {
  synced: 'is live',
  unchanged: 'changes nothing',
  refused: 'was refused',
};

const NOTHING = 'Nothing was changed.';
const NOTHING_ELSE = 'Nothing else was changed.';

async function record(
  ports: SyncPorts,
  command: SyncCommand,
  repository: Repository,
  { outcome, published = [] }: Looked,
): Promise<void> {
  const commit = outcome.commit === '' ? 'the branch' : `commit ${outcome.commit.slice(0, 7)}`;
  const text = `${commit} of ${repository.id} ${SAID[outcome.is]}`;
  ports.log.write('INFO', 'A repository was synced', {
    repository: repository.id,
    is: outcome.is,
    commit: outcome.commit,
  });
  await ports.inbox.record({
    entry: {
      format: 1,
      id: syncRecordId(command),
      receivedAt: outcome.at,
      source: repository.host,
      text,
      ...(outcome.is === 'refused'
        ? { refused: [...outcome.lines, published.length === 0 ? NOTHING : NOTHING_ELSE].join('\n') }
        : { changes: outcome.lines }),
      verdicts: [],
    },
  });
}
