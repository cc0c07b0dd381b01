/** Bitbucket Cloud's webhooks: pushes of branches and tags, and pull requests. */
import { z } from 'zod';
import { repositoryKey } from '../../git/repository-key.ts';
import { tellAuthors } from '../git/authors.ts';
import {
  atMostName,
  BadPayload,
  deliveryId,
  type HttpSource,
  MAXIMUM_EVENTS_PER_BODY,
  MAXIMUM_TEXT,
  type ParsedEvents,
  readPayload,
  type SourceEvent,
} from '../source.ts';
import { bySignature } from '../verify.ts';

const NAME = 'bitbucket';

const commitHash = z.string().regex(/^[0-9a-f]{40}$/);
const repository = z.object({
  full_name: z.string(),
  links: z.object({ html: z.object({ href: z.string() }) }),
});
const actor = z.object({ nickname: z.string().nullish(), display_name: z.string().nullish() }).nullish();

const tip = z.object({ type: z.string(), name: z.string().max(240), target: z.object({ hash: commitHash }) }).nullish();
const push = z.object({
  actor,
  repository,
  push: z.object({
    changes: z
      .array(
        z.object({
          new: tip,
          old: tip,
          /** Set where not all commits are listed. */
          truncated: z.boolean().default(false),
          commits: z.array(z.object({ author: z.object({ raw: z.string().nullish() }).nullish() })).default([]),
        }),
      )
      .max(MAXIMUM_EVENTS_PER_BODY),
  }),
});
const pullRequest = z.object({
  actor,
  repository,
  pullrequest: z.object({
    id: z.int().positive(),
    author: actor,
    source: z.object({
      branch: z.object({ name: z.string().max(255) }),
      commit: z.object({ hash: z.string() }).nullish(),
      repository: z.object({ full_name: z.string() }).nullish(),
    }),
    destination: z.object({ branch: z.object({ name: z.string().max(255) }) }),
    merge_commit: z.object({ hash: z.string() }).nullish(),
  }),
});

export const bitbucket: HttpSource = {
  name: NAME,
  path: NAME,
  mediaTypes: ['application/json'],
  secretName: 'bitbucket-webhook',
  repositoryOf: ({ pathSecret }) => (pathSecret === '' ? undefined : pathSecret),
  verify: bySignature(NAME, 'X-Hub-Signature', 'sha256='),
  parse({ body, at, request }): ParsedEvents {
    const delivery = request.headers['x-request-uuid'];
    if (delivery === undefined || delivery === '') {
      throw new BadPayload('reading a bitbucket payload: the X-Request-UUID header is missing');
    }
    const about = { delivery, at, registered: atMostName(request.pathSecret) };
    const key = request.headers['x-event-key'] ?? '';
    if (key === 'repo:push') return pushed(about, readPayload(NAME, push, body));
    if (key.startsWith('pullrequest:') && !key.includes('comment')) {
      return changed(about, key.slice('pullrequest:'.length), readPayload(NAME, pullRequest, body));
    }
    return { events: [], ignored: 1 };
  },
};

type About = { readonly delivery: string; readonly at: number; readonly registered: string | undefined };

/** One event for each branch or tag. The payload names no paths, so any may have changed. */
function pushed({ delivery, at, registered }: About, payload: z.output<typeof push>): ParsedEvents {
  const { actor: who, repository: of } = payload;
  const events = payload.push.changes.flatMap((change): SourceEvent[] => {
    const ref = change.new ?? change.old;
    if (ref === null || ref === undefined || (ref.type !== 'branch' && ref.type !== 'tag')) return [];
    const after = change.new?.target.hash;
    const what =
      after === undefined ? `${ref.name} deleted from` : `commit ${after.slice(0, 7)} pushed to ${ref.name} of`;
    const isWhole = !change.truncated && change.old !== null && change.old !== undefined;
    return [
      {
        id: deliveryId(NAME, registered, delivery, ref.type, ref.name),
        type: 'commit-pushed',
        source: NAME,
        at,
        text: `${what} ${of.full_name}`.slice(0, MAXIMUM_TEXT),
        commit: {
          repository: keyOf(of.links.html.href),
          registered,
          ref: `refs/${ref.type === 'tag' ? 'tags' : 'heads'}/${ref.name}`,
          before: change.old?.target.hash,
          after,
          by: atMostName(who?.nickname ?? who?.display_name),
          ...tellAuthors(
            change.commits.map(({ author }) => namesOf(author?.raw)),
            isWhole,
          ),
        },
      },
    ];
  });
  return { events, ignored: payload.push.changes.length - events.length };
}

/** `Aki Sato <aki@example.com>` in its parts. */
function namesOf(raw: string | null | undefined): (string | undefined)[] {
  const [, name, address] = /^([^<]*?)\s*<([^>]*)>\s*$/.exec(raw ?? '') ?? [];
  return name === undefined ? [raw ?? undefined] : [name, address];
}

function changed(
  { delivery, at, registered }: About,
  action: string,
  payload: z.output<typeof pullRequest>,
): ParsedEvents {
  const { actor: who, repository: of, pullrequest: request } = payload;
  const { id, source, destination, merge_commit: merge, author } = request;
  const isMerged = action === 'fulfilled';
  const [head, commit] = [wholeHash(source.commit?.hash), wholeHash(merge?.hash)];
  return {
    events: [
      {
        id: deliveryId(NAME, registered, delivery),
        type: 'pull-request-changed',
        source: NAME,
        at,
        text: `pull request #${id} of ${of.full_name} ${action}`.slice(0, MAXIMUM_TEXT),
        pullRequest: {
          repository: keyOf(of.links.html.href),
          registered,
          number: id,
          action,
          base: destination.branch.name,
          head,
          isFork: source.repository?.full_name !== of.full_name,
          by: atMostName(who?.nickname ?? who?.display_name),
          branch: source.branch.name,
          author: atMostName(author?.nickname ?? author?.display_name),
          ...(isMerged ? { merged: { commit } } : {}),
        },
      },
    ],
    ignored: 0,
  };
}

/** Bitbucket shortens most hashes in pull requests: such a one names no commit for sure. */
function wholeHash(hash: string | undefined): string | undefined {
  return hash !== undefined && /^[0-9a-f]{40}$/.test(hash) ? hash : undefined;
}

function keyOf(url: string): string {
  const key = repositoryKey(url);
  if (key === undefined)
    throw new BadPayload('reading a bitbucket payload: repository.links.html: must be an http URL');
  return key;
}
