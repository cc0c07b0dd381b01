/** GitHub's webhooks: commits that were pushed, and pull requests that changed. */
import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { repositoryKey } from '../../git/repository-key.ts';
import {
  BadPayload,
  type CommitPushed,
  eventId,
  type HttpSource,
  MAXIMUM_PATHS,
  MAXIMUM_TEXT,
  type ParsedEvents,
  type PullRequestChanged,
  readPayload,
  type SourceRequest,
  sameSecret,
  type Verified,
} from '../source.ts';

const NAME = 'github';
const NOBODY = '0'.repeat(40);
/** GitHub leaves out the commits of a push beyond these, and says so nowhere. */
const LISTED_COMMITS = 2_048;

const commitHash = z.string().regex(/^[0-9a-f]{40}$/);
const repository = z.object({ clone_url: z.string(), full_name: z.string() });
const paths = z.array(z.string()).default([]);

const push = z.object({
  ref: z.string().startsWith('refs/'),
  before: commitHash,
  after: commitHash,
  deleted: z.boolean().default(false),
  repository,
  pusher: z.object({ name: z.string() }).optional(),
  commits: z.array(z.object({ added: paths, modified: paths, removed: paths })).default([]),
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
    base: z.object({ ref: z.string() }),
    /** The repository of a head is null where the fork was deleted. */
    head: z.object({ sha: commitHash, repo: z.object({ full_name: z.string() }).nullable() }),
  }),
});

export const github: HttpSource = {
  name: NAME,
  path: NAME,
  mediaTypes: ['application/json'],
  secretName: 'github-webhook',
  repositoryOf: ({ pathSecret }) => (pathSecret === '' ? undefined : pathSecret),
  verify(request: SourceRequest, secret: string | undefined): Verified {
    if (secret === undefined || secret === '') {
      return { refused: 'no secret is configured for this GitHub hook, so nothing from it is taken' };
    }
    const given = request.headers['x-hub-signature-256'];
    if (given === undefined) {
      return { refused: 'the X-Hub-Signature-256 header is missing; give the webhook its secret at GitHub' };
    }
    const expected = `sha256=${createHmac('sha256', secret).update(request.rawBody).digest('hex')}`;
    return sameSecret(given, expected) ? 'ok' : { refused: 'the X-Hub-Signature-256 header does not fit the body' };
  },
  parse({ body, at, request }): ParsedEvents {
    const delivery = request.headers['x-github-delivery'];
    if (delivery === undefined || delivery === '') {
      throw new BadPayload('reading a github payload: the X-GitHub-Delivery header is missing');
    }
    const about = { id: eventId(NAME, delivery), at, registered: request.pathSecret };
    switch (request.headers['x-github-event']) {
      case 'push':
        return { events: [pushed(about, readPayload(NAME, push, body))], ignored: 0 };
      case 'pull_request':
        return { events: [changed(about, readPayload(NAME, pullRequest, body))], ignored: 0 };
      default:
        return { events: [], ignored: 1 };
    }
  },
};

type About = { readonly id: string; readonly at: number; readonly registered: string };

function pushed({ id, at, registered }: About, payload: z.output<typeof push>): CommitPushed {
  const { ref, before, after, deleted, pusher } = payload;
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
      ...(deleted || after === NOBODY ? {} : { after }),
      ...(changedPaths === undefined ? {} : { paths: changedPaths }),
      ...(pusher === undefined ? {} : { by: pusher.name }),
    },
  };
}

/** Undefined where the payload may not tell of all: a forced or a first push, or more commits than GitHub lists. */
function pathsOf({ commits, forced, created }: z.output<typeof push>): string[] | undefined {
  if (forced || created || commits.length >= LISTED_COMMITS) return undefined;
  const all = new Set(commits.flatMap(({ added, modified, removed }) => [...added, ...modified, ...removed]));
  return all.size > MAXIMUM_PATHS ? undefined : [...all].sort();
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
    },
  };
}

function keyOf(url: string): string {
  const key = repositoryKey(url);
  if (key === undefined) throw new BadPayload('reading a github payload: repository.clone_url: must be an http URL');
  return key;
}
