/** Jenkins' notification plugin, which signs nothing: its URL carries the secret. */
import { z } from 'zod';
import type { BuildStatus } from '../build/event.ts';
import { atMostName, eventId, type HttpSource, type ParsedEvents, readPayload } from '../source.ts';
import { byPath } from '../verify.ts';

const NAME = 'jenkins';
const MAXIMUM_PARAMETERS = 100;
const MAXIMUM_PARAMETER = 1_000;

const STATUSES: { readonly [status: string]: BuildStatus } = {
  SUCCESS: 'success',
  FAILURE: 'failure',
  UNSTABLE: 'failure',
  NOT_BUILT: 'cancelled',
  ABORTED: 'cancelled',
};

const payload = z.object({
  name: z.string().min(1).max(500),
  /** Where the job is: `job/team/job/items/`. */
  url: z.string().optional(),
  build: z.object({
    number: z.int(),
    /** FINALIZED comes once, after everything that follows a build; COMPLETED before it. */
    phase: z.string(),
    status: z.string().optional(),
    full_url: z.string().max(1_000).optional(),
    parameters: z.record(z.string(), z.unknown()).optional(),
    scm: z.object({ branch: z.string().nullish(), commit: z.string().nullish() }).nullish(),
  }),
});

export const jenkins: HttpSource = {
  name: NAME,
  path: NAME,
  mediaTypes: ['application/json'],
  secretName: 'jenkins-webhook',
  verify: byPath(NAME),
  parse({ body, at }): ParsedEvents {
    const { name, url, build } = readPayload(NAME, payload, body);
    const status = STATUSES[build.status ?? ''];
    if (build.phase !== 'FINALIZED' || status === undefined) return { events: [], ignored: 1 };
    const job = jobOf(url) ?? name;
    const commit = build.scm?.commit ?? '';
    const parameters = Object.entries(build.parameters ?? {})
      .slice(0, MAXIMUM_PARAMETERS)
      .map(([key, value]) => [key.slice(0, 255), String(value).slice(0, MAXIMUM_PARAMETER)]);
    return {
      events: [
        {
          // A number is used once by a job, and FINALIZED comes once for it.
          id: eventId(NAME, job, String(build.number), build.full_url ?? ''),
          type: 'build-finished',
          source: NAME,
          at,
          text: `build ${job} #${build.number} ended: ${status}`,
          build: {
            by: NAME,
            of: job.toLowerCase(),
            name: job,
            number: String(build.number),
            status,
            branch: atMostName(build.scm?.branch?.replace(/^(?:refs\/heads\/|origin\/)/, '')),
            commit: /^[0-9a-f]{40}$/.test(commit) ? commit : undefined,
            url: build.full_url,
            parameters: Object.fromEntries(parameters),
          },
        },
      ],
      ignored: 0,
    };
  },
};

/** `job/team/job/items/` is team/items, as Jenkins shows it. */
function jobOf(url: string | undefined): string | undefined {
  const names = [...(url ?? '').matchAll(/(?:^|\/)job\/([^/]+)/g)].map(([, part = '']) => part);
  if (names.length === 0) return undefined;
  try {
    return names
      .map((part) => decodeURIComponent(part))
      .join('/')
      .slice(0, 500);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
