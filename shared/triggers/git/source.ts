/** A plain hook for any Git host: a POST that says which ref of a registered repository has moved. */
import { z } from 'zod';
import {
  eventId,
  type HttpSource,
  type ParsedEvents,
  readPayload,
  type SourceRequest,
  sameSecret,
  type Verified,
} from '../source.ts';

const NAME = 'git';

const commitHash = z.string().regex(/^[0-9a-f]{40}$/, 'must be 40 hexadecimal digits');
const payload = z.object({
  /** The sender's own word for this delivery: the same again where it is repeated, and only then. */
  delivery: z.string().min(1).max(200),
  ref: z.string().max(255).startsWith('refs/', 'must be a whole name, such as refs/heads/main'),
  before: commitHash.optional(),
  after: commitHash.optional(),
  by: z.string().max(255).optional(),
});

export const gitHook: HttpSource = {
  name: NAME,
  path: NAME,
  mediaTypes: ['application/json'],
  secretName: 'git-webhook',
  repositoryOf: ({ pathSecret }) => (pathSecret === '' ? undefined : pathSecret),
  verify(request: SourceRequest, secret: string | undefined): Verified {
    if (request.pathSecret === '') {
      return { refused: 'the URL names no repository; it is /hooks/git/REPOSITORY, as it was registered' };
    }
    if (secret === undefined || secret === '') {
      return { refused: 'no such repository is registered, or its secret is not configured, so nothing is taken' };
    }
    const given = request.headers.authorization;
    if (given === undefined) {
      return { refused: 'the Authorization header is missing; it must be "Bearer" and the secret' };
    }
    return sameSecret(given, `Bearer ${secret}`)
      ? 'ok'
      : { refused: 'the Authorization header is not "Bearer" and the secret' };
  },
  parse({ body, at, request }): ParsedEvents {
    const { delivery, ref, before, after, by } = readPayload(NAME, payload, body);
    const registered = request.pathSecret;
    const branch = ref.replace(/^refs\/(heads|tags)\//, '');
    const what = after === undefined ? `${branch} moved` : `commit ${after.slice(0, 7)} pushed to ${branch}`;
    const event = {
      id: eventId(NAME, registered, delivery),
      type: 'commit-pushed' as const,
      source: NAME,
      at,
      text: `${what} of ${registered}`,
      commit: {
        registered,
        ref,
        ...(before === undefined ? {} : { before }),
        ...(after === undefined ? {} : { after }),
        ...(by === undefined ? {} : { by }),
      },
    };
    return { events: [event], ignored: 0 };
  },
};
