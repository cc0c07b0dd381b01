/** GitLab's webhooks: pushes, tags, merge requests, releases and pipelines. */
import { z } from 'zod';
import { repositoryKey } from '../../git/repository-key.ts';
import type { BuildStatus } from '../build/event.ts';
import { tellAuthors, tellPeople } from '../git/authors.ts';
import { tellPaths } from '../git/paths.ts';
import {
  atMostName,
  BadPayload,
  deliveryId,
  type HttpSource,
  MAXIMUM_TEXT,
  type ParsedEvents,
  readPayload,
} from '../source.ts';
import { byHeader } from '../verify.ts';

const NAME = 'gitlab';
const NOBODY = '0'.repeat(40);

const commitHash = z.string().regex(/^[0-9a-f]{40}$/);
const project = z.object({ git_http_url: z.string(), path_with_namespace: z.string() });
const paths = z.array(z.string()).default([]);
const person = z.object({ name: z.string().nullish(), email: z.string().nullish() }).nullish();

const push = z.object({
  ref: z.string().max(255).startsWith('refs/'),
  before: commitHash,
  after: commitHash,
  /** Of a tag: the commit that it names, where `after` may be the tag's own object. */
  checkout_sha: commitHash.nullish(),
  user_username: z.string().nullish(),
  project,
  commits: z.array(z.object({ added: paths, modified: paths, removed: paths, author: person })).default([]),
  /** GitLab lists 20 commits at most. */
  total_commits_count: z.int().default(0),
});
const mergeRequest = z.object({
  user: z.object({ username: z.string() }).nullish(),
  project,
  object_attributes: z.object({
    iid: z.int().positive(),
    action: z.string().max(100).optional(),
    source_branch: z.string().max(255),
    target_branch: z.string().max(255),
    source_project_id: z.int().optional(),
    target_project_id: z.int().optional(),
    merge_commit_sha: commitHash.nullish(),
    last_commit: z.object({ id: commitHash, author: person }),
  }),
});
const release = z.object({
  action: z.string(),
  tag: z.string().max(255),
  name: z.string().max(1_000).nullish(),
  url: z.string().max(1_000).optional(),
  project,
  commit: z.object({ id: commitHash, author: person }).nullish(),
});
const pipeline = z.object({
  project,
  user: z.object({ username: z.string() }).nullish(),
  commit: z.object({ author: person }).nullish(),
  object_attributes: z.object({
    id: z.int(),
    name: z.string().max(1_000).nullish(),
    ref: z.string(),
    tag: z.boolean().default(false),
    sha: commitHash,
    status: z.string(),
    url: z.string().max(1_000).nullish(),
    finished_at: z.string().nullish(),
  }),
});

const STATUSES: { readonly [status: string]: BuildStatus } = {
  success: 'success',
  failed: 'failure',
  canceled: 'cancelled',
};

export const gitlab: HttpSource = {
  name: NAME,
  path: NAME,
  mediaTypes: ['application/json'],
  secretName: 'gitlab-webhook',
  repositoryOf: ({ pathSecret }) => (pathSecret === '' ? undefined : pathSecret),
  verify: byHeader(NAME, 'X-Gitlab-Token'),
  parse({ body, at, request }): ParsedEvents {
    const { headers } = request;
    // The key is the same again for a redelivery; older releases have the id of the event alone.
    const delivery = headers['idempotency-key'] ?? headers['x-gitlab-webhook-uuid'] ?? headers['x-gitlab-event-uuid'];
    if (delivery === undefined || delivery === '') {
      throw new BadPayload(
        'reading a gitlab payload: the headers have neither Idempotency-Key nor X-Gitlab-Event-UUID',
      );
    }
    const about = {
      id: deliveryId(NAME, request.pathSecret, delivery),
      at,
      registered: atMostName(request.pathSecret),
    };
    switch (headers['x-gitlab-event']) {
      case 'Push Hook':
      case 'Tag Push Hook':
        return one(pushed(about, readPayload(NAME, push, body)));
      case 'Merge Request Hook':
        return one(changed(about, readPayload(NAME, mergeRequest, body)));
      case 'Release Hook':
        return released(about, readPayload(NAME, release, body));
      case 'Pipeline Hook':
        return built(about, readPayload(NAME, pipeline, body));
      default:
        return { events: [], ignored: 1 };
    }
  },
};

type About = { readonly id: string; readonly at: number; readonly registered: string | undefined };
type Event = ParsedEvents['events'][number];

function one(event: Event): ParsedEvents {
  return { events: [event], ignored: 0 };
}

function pushed({ id, at, registered }: About, payload: z.output<typeof push>): Event {
  const { ref, before, after, checkout_sha: checkout, user_username: by, project: of, commits } = payload;
  const branch = ref.replace(/^refs\/(heads|tags)\//, '');
  const isGone = after === NOBODY;
  const what = isGone ? `${branch} deleted from` : `commit ${after.slice(0, 7)} pushed to ${branch} of`;
  // A first push, or a list that was cut, does not tell of all.
  const isCut = commits.length < payload.total_commits_count || before === NOBODY;
  return {
    id,
    type: 'commit-pushed',
    source: NAME,
    at,
    text: `${what} ${of.path_with_namespace}`.slice(0, MAXIMUM_TEXT),
    commit: {
      repository: keyOf(of.git_http_url),
      registered,
      ref,
      before: before === NOBODY ? undefined : before,
      after: isGone ? undefined : (checkout ?? after),
      paths: isCut ? undefined : tellPaths(commits),
      by: atMostName(by),
      ...tellAuthors(
        commits.map(({ author }) => [author?.email, author?.name]),
        !isCut,
      ),
    },
  };
}

function changed({ id, at, registered }: About, payload: z.output<typeof mergeRequest>): Event {
  const { object_attributes: request, project: of, user } = payload;
  const { iid, action = 'changed', source_branch: branch, target_branch: base, last_commit: last } = request;
  return {
    id,
    type: 'pull-request-changed',
    source: NAME,
    at,
    text: `merge request !${iid} of ${of.path_with_namespace} ${action}`.slice(0, MAXIMUM_TEXT),
    pullRequest: {
      repository: keyOf(of.git_http_url),
      registered,
      number: iid,
      action,
      base,
      head: last.id,
      isFork: request.source_project_id !== request.target_project_id,
      by: atMostName(user?.username),
      branch,
      author: atMostName(last.author?.email ?? last.author?.name),
      ...(action === 'merge' ? { merged: { commit: request.merge_commit_sha ?? last.id } } : {}),
    },
  };
}

function released({ id, at, registered }: About, payload: z.output<typeof release>): ParsedEvents {
  const { action, tag, name, url, project: of, commit } = payload;
  if (action !== 'create') return { events: [], ignored: 1 };
  return one({
    id,
    type: 'release-published',
    source: NAME,
    at,
    text: `release ${tag} of ${of.path_with_namespace} published`.slice(0, MAXIMUM_TEXT),
    release: {
      repository: keyOf(of.git_http_url),
      registered,
      tag,
      name: name ?? undefined,
      isPreRelease: false,
      commit: commit?.id,
      url,
      by: atMostName(commit?.author?.email ?? commit?.author?.name),
    },
  });
}

function built({ id, at, registered }: About, payload: z.output<typeof pipeline>): ParsedEvents {
  const { object_attributes: run, project: of, user, commit } = payload;
  const status = STATUSES[run.status];
  if (status === undefined) return { events: [], ignored: 1 };
  return one({
    id,
    type: 'build-finished',
    source: NAME,
    at,
    text: `pipeline ${run.name ?? run.id} of ${of.path_with_namespace} ended: ${status}`.slice(0, MAXIMUM_TEXT),
    build: {
      by: 'gitlab',
      of: keyOf(of.git_http_url),
      registered,
      name: run.name ?? undefined,
      number: String(run.id),
      status,
      branch: run.tag ? undefined : atMostName(run.ref),
      tag: run.tag ? atMostName(run.ref) : undefined,
      commit: run.sha,
      url: run.url ?? undefined,
      ...tellPeople([[user?.username], [commit?.author?.email, commit?.author?.name]]),
    },
  });
}

function keyOf(url: string): string {
  const key = repositoryKey(url);
  if (key === undefined) throw new BadPayload('reading a gitlab payload: project.git_http_url: must be an http URL');
  return key;
}
