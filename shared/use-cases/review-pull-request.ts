/**
 * Shows on a pull request what merging it would do: one comment that is edited in place, and one check for its newest
 * commit. What counts is the pull request as the host has it now; events come late, twice and out of order.
 */
import { createHash } from 'node:crypto';
import { readCredentials } from '../git/credentials.ts';
import { GitError } from '../git/git-error.ts';
import type { GitReader } from '../git/reader.ts';
import {
  type GitHubClient,
  type GitHubClients,
  MAXIMUM_TEXT_CHARACTERS,
  type PullRequest,
} from '../git-hosts/github/client.ts';
import { GitHubError } from '../git-hosts/github/request.ts';
import type { Problem } from '../pipeline/problem.ts';
import type { Cells } from '../ports/cells.ts';
import type { Inbox } from '../ports/inbox.ts';
import type { Log } from '../ports/log.ts';
import type { Random } from '../ports/random.ts';
import type { Repository, Review, Team } from '../ports/repositories.ts';
import type { Secrets } from '../ports/secrets.ts';
import type { CheckedFile } from './apply-files.ts';
import { type CheckRepositoryPorts, checkRepository } from './check-repository.ts';
import { type Timing, untilCommitted } from './engine.ts';
import type { OpenRepository } from './open-repository.ts';
import { type PlanDescription, type ReviewContent, reviewComment, reviewTag, reviewTitle } from './review-comment.ts';
import type { OpenLibrary } from './templates/library.ts';

/** Says what each of the checked pipelines would do if it were applied. Nothing is kept. */
export type DescribePlans = (command: {
  readonly pipelines: readonly CheckedFile[];
  /** The templates as they would be then. */
  readonly openLibrary: OpenLibrary;
  /** What they are held to. */
  readonly team: Team;
  /** Then no cluster and no registry is asked, and nothing that a stranger wrote is sent to one. */
  readonly isFork: boolean;
  readonly signal: AbortSignal;
}) => Promise<{ readonly plans: readonly PlanDescription[]; readonly problems: readonly Problem[] }>;

export type ReviewPorts = CheckRepositoryPorts & {
  readonly reviews: Cells<Review>;
  readonly teams: Pick<Cells<Team>, 'read'>;
  readonly inbox: Pick<Inbox, 'record'>;
  readonly git: GitReader;
  readonly open: OpenRepository;
  readonly github: GitHubClients;
  readonly secrets: Secrets;
  readonly describePlans: DescribePlans;
  readonly random: Random;
  readonly log: Log;
  readonly timing: Timing;
  readonly publicUrl: string;
};

export type ReviewCommand = { readonly repository: Repository; readonly number: number; readonly event: string };

export type Reviewed =
  | { readonly is: 'reviewed'; readonly title: string }
  /** `closed`, on another branch, or nothing that it changes lies in the folders and nothing was shown before. */
  | { readonly is: 'passed over'; readonly because: string }
  /** Another worker is at it; to be asked again. */
  | { readonly is: 'busy' };

const CHECK = 'gennaker plan';

/** Throws GitHubError and GitError of the sort that asking again may mend; the others are recorded. */
export async function reviewPullRequest(ports: ReviewPorts, command: ReviewCommand): Promise<Reviewed> {
  const { repository, number } = command;
  const key = `${repository.id}/${number}`;
  const held = await claim(ports, key);
  if (held === 'busy') return { is: 'busy' };
  try {
    const reviewed = await review(ports, command, held);
    await release(ports, key, held.by, reviewed.review);
    return reviewed.result;
  } catch (error) {
    await release(ports, key, held.by, undefined);
    if (!isFinal(error)) throw error;
    await ports.inbox.record({
      entry: {
        format: 1,
        id: `review-${repository.id}-${command.event}`,
        receivedAt: ports.clock.now(),
        source: 'github',
        text: `pull request #${number} of ${repository.id} could not be reviewed`,
        refused: error.message,
        verdicts: [],
      },
    });
    return { is: 'passed over', because: error.message };
  }
}

function isFinal(error: unknown): error is Error {
  return (error instanceof GitHubError && error.kind === 'refused') || (error instanceof GitError && !error.retryable);
}

type Held = { readonly by: string; readonly review: Review };

async function claim(ports: ReviewPorts, key: string): Promise<Held | 'busy'> {
  return untilCommitted(ports, `claiming the review of ${key}`, async () => {
    const before = await ports.reviews.read({ key });
    const now = ports.clock.now();
    if (before?.value.claim !== undefined && now < before.value.claim.until) return 'busy' as const;
    const by = ports.random.id();
    const review: Review = before?.value ?? { format: 1 };
    const value: Review = { ...review, claim: { by, until: now + ports.timing.leaseMs } };
    const written = await ports.reviews.write({ key, value, expected: before?.version ?? 'absent' });
    return written === 'conflict' ? 'conflict' : { by, review };
  });
}

async function release(ports: ReviewPorts, key: string, by: string, shown: Review | undefined): Promise<void> {
  await untilCommitted(ports, `giving back the review of ${key}`, async () => {
    const before = await ports.reviews.read({ key });
    if (before?.value.claim?.by !== by) return 'lost' as const;
    const { claim: _, ...rest } = before.value;
    const written = await ports.reviews.write({ key, value: shown ?? rest, expected: before.version });
    return written === 'conflict' ? 'conflict' : ('released' as const);
  });
}

async function review(
  ports: ReviewPorts,
  command: ReviewCommand,
  held: Held,
): Promise<{ readonly result: Reviewed; readonly review: Review | undefined }> {
  const { repository, number } = command;
  const signal = AbortSignal.timeout(ports.timing.stepMs);
  const client = await clientOf(ports, repository);
  const request = await client.pullRequest({ number, signal });
  const passOver = (because: string) => ({ result: { is: 'passed over' as const, because }, review: undefined });
  if (!request.isOpen) return passOver('it is closed');
  if (request.base !== repository.branch) return passOver(`it is for ${request.base}, not ${repository.branch}`);
  const tag = reviewTag(repository.id);
  const earlier = held.review.comment ?? (await found(client, number, tag, signal));
  if (earlier === undefined && !(await concerns(client, repository, number, signal))) {
    return passOver('it changes nothing in the folders that are registered');
  }
  const content = await contentOf(ports, repository, number, request, signal);
  const body = reviewComment(content, MAXIMUM_TEXT_CHARACTERS);
  const hash = createHash('sha256').update(body).digest('hex');
  const comment =
    earlier?.hash === hash ? earlier : { id: await put(client, { number, tag, body, id: earlier?.id, signal }), hash };
  const title = reviewTitle(content);
  const check = await client.conclude({
    commit: content.commit,
    name: CHECK,
    conclusion: content.problems.length > 0 ? 'failure' : 'success',
    text: { title, summary: body },
    detailsUrl: ports.publicUrl,
    signal,
  });
  ports.log.write('INFO', 'A pull request was reviewed', { repository: repository.id, number, commit: content.commit });
  return {
    result: { is: 'reviewed', title },
    review: { format: 1, comment, check: { commit: content.commit, id: check } },
  };
}

async function clientOf(ports: ReviewPorts, repository: Repository): Promise<GitHubClient> {
  const { credentials: name } = repository;
  const value = name === undefined ? undefined : await ports.secrets.get({ name });
  if (name === undefined || value === undefined) {
    const why = name === undefined ? 'its registration names no credentials' : `no secret "${name}" is configured`;
    throw new GitError(`reviewing pull requests of ${repository.id}: ${why}`);
  }
  return ports.github.of(repository, readCredentials(name, value));
}

/** The comment of a review whose end was not kept. */
async function found(
  client: GitHubClient,
  number: number,
  tag: string,
  signal: AbortSignal,
): Promise<{ readonly id: number; readonly hash: string } | undefined> {
  const comment = await client.findComment({ number, tag, signal });
  return comment === undefined ? undefined : { id: comment.id, hash: '' };
}

async function concerns(
  client: GitHubClient,
  { folders }: Repository,
  number: number,
  signal: AbortSignal,
): Promise<boolean> {
  if (folders.includes('')) return true;
  const paths = await client.pullRequestPaths({ number, signal });
  return paths === undefined || paths.some((path) => folders.some((folder) => path.startsWith(`${folder}/`)));
}

/** Edits the comment, or makes it; one that somebody has deleted is made anew. Looks first, as the one before may have acted. */
async function put(
  client: GitHubClient,
  command: { number: number; tag: string; body: string; id: number | undefined; signal: AbortSignal },
): Promise<number> {
  const { number, tag, body, signal } = command;
  const edited = command.id === undefined ? undefined : await client.updateComment({ id: command.id, body, signal });
  if (edited !== undefined) return edited.id;
  const other = command.id === undefined ? undefined : await client.findComment({ number, tag, signal });
  if (other !== undefined) return (await client.updateComment({ id: other.id, body, signal }))?.id ?? other.id;
  return (await client.createComment({ number, body, signal })).id;
}

async function contentOf(
  ports: ReviewPorts,
  repository: Repository,
  number: number,
  { isFork }: PullRequest,
  signal: AbortSignal,
): Promise<ReviewContent> {
  const team = (await ports.teams.read({ key: repository.team }))?.value;
  if (team === undefined) throw new GitError(`the team ${repository.team}, which the repository is bound to, is gone`);
  const credentials = await ports.open(repository, signal);
  // The base repository has the head of every pull request, of forks too: nothing is read from anybody else's.
  const ref = `refs/pull/${number}/head`;
  const { commit, files } = await ports.git.read({
    url: repository.url,
    ref,
    credentials,
    folders: repository.folders,
    signal,
  });
  const of = { repository: repository.id, commit, isFork };
  const checked = await checkRepository(ports, { repository, team, files });
  if ('problems' in checked) return { ...of, plans: [], removed: [], problems: checked.problems };
  const { plans, problems } = await ports.describePlans({
    pipelines: checked.pipelines,
    openLibrary: checked.openLibrary,
    team,
    isFork,
    signal,
  });
  const declared = new Set(checked.pipelines.map(({ definition }) => definition.pipeline));
  const removed = (repository.live?.pipelines ?? []).filter((name) => !declared.has(name));
  return { ...of, plans, removed, problems };
}
