/** GitHub's webhooks: pushes, pull requests, releases, workflows that ended, and packages. */
import { z } from 'zod';
import { repositoryKey } from '../../git/repository-key.ts';
import type { BuildStatus } from '../build/event.ts';
import { tellAuthors, tellPeople } from '../git/authors.ts';
import { tellPaths } from '../git/paths.ts';
import { packageEvents } from '../github-packages/payload.ts';
import {
  atMostName,
  BadPayload,
  type CommitPushed,
  deliveryId,
  type HttpSource,
  MAXIMUM_TEXT,
  type ParsedEvents,
  type PullRequestChanged,
  readPayload,
} from '../source.ts';
import { bySignature } from '../verify.ts';

const NAME = 'github';
const NOBODY = '0'.repeat(40);
/** GitHub leaves out the commits of a push beyond these, and says so nowhere. */
const LISTED_COMMITS = 2_048;

const commitHash = z.string().regex(/^[0-9a-f]{40}$/);
const repository = z.object({ clone_url: z.string(), full_name: z.string() });
const paths = z.array(z.string()).default([]);

const person = z
  .object({ name: z.string().nullish(), email: z.string().nullish(), username: z.string().nullish() })
  .nullish();

const push = z.object({
  ref: z.string().startsWith('refs/'),
  before: commitHash,
  after: commitHash,
  deleted: z.boolean().default(false),
  repository,
  pusher: z.object({ name: z.string() }).optional(),
  commits: z.array(z.object({ added: paths, modified: paths, removed: paths, author: person })).default([]),
  /** Of an annotated tag: the commit that it names, where `after` is the tag's own object. */
  head_commit: z.object({ id: commitHash }).nullish(),
  /** That of a forced push is not all that changed. */
  forced: z.boolean().default(false),
  created: z.boolean().default(false),
});
const pullRequest = z.object({
  action: z.string(),
  number: z.int().positive(),
  repository,
  sender: z.object({ login: z.string() }).optional(),
  pull_request: z.object({
    merged: z.boolean().nullish(),
    merge_commit_sha: commitHash.nullish(),
    user: z.object({ login: z.string() }).nullish(),
    base: z.object({ ref: z.string() }),
    /** The repository of a head is null where the fork was deleted. */
    head: z.object({
      sha: commitHash,
      ref: z.string().optional(),
      repo: z.object({ full_name: z.string() }).nullable(),
    }),
  }),
});

const release = z.object({
  action: z.string(),
  repository,
  release: z.object({
    tag_name: z.string().max(255),
    name: z.string().max(1_000).nullish(),
    html_url: z.string().max(1_000).optional(),
    prerelease: z.boolean().default(false),
    author: z.object({ login: z.string() }).nullish(),
  }),
});
const workflowRun = z.object({
  action: z.string(),
  repository,
  workflow_run: z.object({
    id: z.int(),
    run_attempt: z.int().optional(),
    name: z.string().max(1_000).nullish(),
    head_branch: z.string().nullish(),
    head_sha: commitHash,
    event: z.string().optional(),
    conclusion: z.string().nullish(),
    html_url: z.string().max(1_000).optional(),
    head_repository: z.object({ full_name: z.string() }).nullish(),
    actor: z.object({ login: z.string() }).nullish(),
    triggering_actor: z.object({ login: z.string() }).nullish(),
    head_commit: z.object({ author: person }).nullish(),
  }),
});
const CONCLUSIONS: { readonly [conclusion: string]: BuildStatus } = {
  success: 'success',
  failure: 'failure',
  startup_failure: 'failure',
  cancelled: 'cancelled',
  timed_out: 'timeout',
};

export const github: HttpSource = {
  name: NAME,
  path: NAME,
  mediaTypes: ['application/json'],
  secretName: 'github-webhook',
  repositoryOf: ({ pathSecret }) => (pathSecret === '' ? undefined : pathSecret),
  verify: bySignature(NAME, 'X-Hub-Signature-256', 'sha256='),
  parse({ body, at, request }): ParsedEvents {
    const delivery = request.headers['x-github-delivery'];
    if (delivery === undefined || delivery === '') {
      throw new BadPayload('reading a github payload: the X-GitHub-Delivery header is missing');
    }
    const about = { id: deliveryId(NAME, request.pathSecret, delivery), at, registered: request.pathSecret };
    switch (request.headers['x-github-event']) {
      case 'push':
        return { events: [pushed(about, readPayload(NAME, push, body))], ignored: 0 };
      case 'pull_request':
        return { events: [changed(about, readPayload(NAME, pullRequest, body))], ignored: 0 };
      case 'release':
        return released(about, readPayload(NAME, release, body));
      case 'workflow_run':
        return built(about, readPayload(NAME, workflowRun, body));
      case 'package':
      case 'registry_package':
        return packageEvents({ ...about, source: NAME }, body);
      default:
        return { events: [], ignored: 1 };
    }
  },
};

type About = { readonly id: string; readonly at: number; readonly registered: string };

function pushed({ id, at, registered }: About, payload: z.output<typeof push>): CommitPushed {
  const { ref, before, deleted, pusher } = payload;
  const after = payload.head_commit?.id ?? payload.after;
  const branch = ref.replace(/^refs\/(heads|tags)\//, '');
  const what = deleted ? `${branch} deleted from` : `commit ${after.slice(0, 7)} pushed to ${branch} of`;
  const changedPaths = pathsOf(payload);
  return {
    id,
    type: 'commit-pushed',
    source: NAME,
    at,
    text: `${what} ${payload.repository.full_name}`.slice(0, MAXIMUM_TEXT),
    commit: {
      repository: keyOf(payload.repository.clone_url),
      ...(registered === '' ? {} : { registered }),
      ref,
      ...(before === NOBODY ? {} : { before }),
      ...(deleted || payload.after === NOBODY ? {} : { after }),
      ...(changedPaths === undefined ? {} : { paths: changedPaths }),
      by: atMostName(pusher?.name),
      ...authorsOf(payload),
    },
  };
}

/** A forced or a first push, and one with as many commits as GitHub lists, may not tell of all. */
function authorsOf({ commits, forced, created }: z.output<typeof push>): ReturnType<typeof tellAuthors> {
  const isWhole = !forced && !created && commits.length < LISTED_COMMITS;
  return tellAuthors(
    commits.map(({ author }) => namesOf(author)),
    isWhole,
  );
}

function released({ id, at, registered }: About, payload: z.output<typeof release>): ParsedEvents {
  const { action, release: told } = payload;
  if (action !== 'published') return { events: [], ignored: 1 };
  const { tag_name: tag, name, html_url: url, prerelease: isPreRelease, author } = told;
  return {
    events: [
      {
        id,
        type: 'release-published',
        source: NAME,
        at,
        text: `release ${tag} of ${payload.repository.full_name} published`.slice(0, MAXIMUM_TEXT),
        release: {
          repository: keyOf(payload.repository.clone_url),
          registered: atMostName(registered),
          tag,
          name: name ?? undefined,
          isPreRelease,
          url,
          by: atMostName(author?.login),
        },
      },
    ],
    ignored: 0,
  };
}

function built({ id, at, registered }: About, payload: z.output<typeof workflowRun>): ParsedEvents {
  const { action, workflow_run: run, repository: of } = payload;
  const status = CONCLUSIONS[run.conclusion ?? ''];
  // A run of a fork's commits is that fork's, whatever its branch is called.
  const isFork = run.head_repository !== undefined && run.head_repository?.full_name !== of.full_name;
  if (action !== 'completed' || status === undefined || isFork) return { events: [], ignored: 1 };
  return {
    events: [
      {
        id,
        type: 'build-finished',
        source: NAME,
        at,
        text: `workflow ${run.name ?? run.id} of ${of.full_name} ended: ${status}`.slice(0, MAXIMUM_TEXT),
        build: {
          by: 'github-actions',
          of: keyOf(of.clone_url),
          registered: atMostName(registered),
          name: run.name ?? undefined,
          number: String(run.id),
          status,
          branch: atMostName(run.head_branch),
          commit: run.head_sha,
          url: run.html_url,
          ...tellPeople([[run.actor?.login, run.triggering_actor?.login], namesOf(run.head_commit?.author)]),
        },
      },
    ],
    ignored: 0,
  };
}

const namesOf = (one: z.output<typeof person>) => [one?.username, one?.email, one?.name];

/** Undefined where the payload may not tell of all: a forced or a first push, or more commits than GitHub lists. */
function pathsOf({ commits, forced, created }: z.output<typeof push>): string[] | undefined {
  if (forced || created || commits.length >= LISTED_COMMITS) return undefined;
  return tellPaths(commits);
}

function changed({ id, at, registered }: About, payload: z.output<typeof pullRequest>): PullRequestChanged {
  const { action, number, pull_request: request, sender } = payload;
  return {
    id,
    type: 'pull-request-changed',
    source: NAME,
    at,
    text: `pull request #${number} of ${payload.repository.full_name} ${action}`.slice(0, MAXIMUM_TEXT),
    pullRequest: {
      repository: keyOf(payload.repository.clone_url),
      ...(registered === '' ? {} : { registered }),
      number,
      action,
      base: request.base.ref,
      head: request.head.sha,
      isFork: request.head.repo?.full_name !== payload.repository.full_name,
      ...(sender === undefined ? {} : { by: sender.login }),
      branch: atMostName(request.head.ref),
      author: atMostName(request.user?.login),
      ...(action === 'closed' && request.merged === true
        ? { merged: { commit: request.merge_commit_sha ?? undefined } }
        : {}),
    },
  };
}

function keyOf(url: string): string {
  const key = repositoryKey(url);
  if (key === undefined) throw new BadPayload('reading a github payload: repository.clone_url: must be an http URL');
  return key;
}
