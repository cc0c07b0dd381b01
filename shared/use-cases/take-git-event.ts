/** What a commit that was pushed, or a pull request that changed, means for the repositories that are registered. */
import type { Answer } from '../ports/bus.ts';
import type { CommitPushed, PullRequestChanged, SourceEvent } from '../triggers/source.ts';
import { type RecordPorts, recordChanges } from './record-verdicts.ts';
import { type RepositoryPorts, repositoriesOf } from './repositories.ts';
import { type ReviewPorts, reviewPullRequest } from './review-pull-request.ts';
import { type SyncPorts, syncRepository } from './sync-repository.ts';

export type GitEventPorts = SyncPorts & ReviewPorts & RecordPorts & Pick<RepositoryPorts, 'repositoryUrls'>;

/** `later` where another worker is at the same thing and does not see this event. Throws what a later delivery may mend. */
export async function takeGitEvent(ports: GitEventPorts, event: SourceEvent): Promise<Answer> {
  switch (event.type) {
    case 'commit-pushed':
      return takePush(ports, event);
    case 'pull-request-changed':
      return takePullRequest(ports, event);
    default:
      return 'done';
  }
}

async function takePush(ports: GitEventPorts, event: CommitPushed): Promise<Answer> {
  const { ref } = event.commit;
  const registered = await repositoriesOf(ports, event.commit);
  const concerned = registered.filter(({ branch }) => ref === `refs/heads/${branch}`);
  const branches = registered.map(({ id, branch }) => `${id} follows ${branch}`).join(', ');
  const idle = registered.length === 0 ? 'no repository of this URL is registered' : `no change to sync: ${branches}`;
  await recordChanges(ports, event, concerned.length > 0 ? concerned.map(({ id }) => `syncs ${id}`) : [idle]);
  return inTurn(concerned, ({ id }) => syncRepository(ports, { id, event: event.id }));
}

/** What may change a plan or the commit that it is for. */
const REVIEWED_ACTIONS: ReadonlySet<string> = new Set([
  'opened',
  'reopened',
  'synchronize',
  'edited',
  'ready_for_review',
]);

async function takePullRequest(ports: GitEventPorts, event: PullRequestChanged): Promise<Answer> {
  const { number, action, base } = event.pullRequest;
  const registered = await repositoriesOf(ports, event.pullRequest);
  const concerned = REVIEWED_ACTIONS.has(action)
    ? registered.filter(({ host, branch }) => host === 'github' && branch === base)
    : [];
  await recordChanges(
    ports,
    event,
    concerned.map(({ id }) => `plans for ${id}`),
  );
  return inTurn(concerned, async (repository) => {
    const reviewed = await reviewPullRequest(ports, { repository, number, event: event.id });
    return reviewed.is === 'busy' ? 'later' : 'done';
  });
}

/** All are tried, whatever becomes of one; then the first failure is thrown. */
async function inTurn<T>(all: readonly T[], take: (one: T) => Promise<unknown>): Promise<Answer> {
  const outcomes = [];
  for (const one of all) outcomes.push(...(await Promise.allSettled([take(one)])));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return outcomes.some((outcome) => outcome.status === 'fulfilled' && outcome.value === 'later') ? 'later' : 'done';
}
