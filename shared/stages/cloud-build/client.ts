/**
 * The part of Cloud Build's REST API that a stage needs. A build carries the key of its attempt, by which it is found
 * again: as a tag, or, where a trigger makes it, as a substitution.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type StageContext, TerminalError } from '../kind.ts';
import { ask, jobKey, jsonOf, type RemoteAnswer, unexpected } from '../remote.ts';
import { type BuildTrigger, type CloudBuildParameters, KEY_SUBSTITUTION } from './schema.ts';

const API = 'https://cloudbuild.googleapis.com/v1';
/** A trigger's builds that are no older are looked through for the one of an attempt. */
const LOOK_BACK_MS = 24 * 60 * 60_000;
const PAGE_SIZE = 100;
const MAXIMUM_PAGES = 10;

const build = z.object({
  id: z.string(),
  status: z.string().default('QUEUED'),
  statusDetail: z.string().optional(),
  logUrl: z.string().default(''),
  tags: z.array(z.string()).default([]),
  substitutions: z.record(z.string(), z.string()).default({}),
  results: z
    .object({ images: z.array(z.object({ name: z.string(), digest: z.string() })).default([]) })
    .default({ images: [] }),
});
export type CloudBuild = z.output<typeof build>;
const list = z.object({ builds: z.array(build).default([]), nextPageToken: z.string().default('') });
const operation = z.object({ metadata: z.object({ build }) });
const triggerAnswer = z.object({ id: z.string().regex(/^[A-Za-z0-9-]{1,64}$/u) });

export function tagOf(context: StageContext): string {
  return `gennaker-${createHash('sha256').update(jobKey(context)).digest('hex').slice(0, 32)}`;
}

export function cloudBuildClient(parameters: CloudBuildParameters, context: StageContext) {
  const { project, location, trigger } = parameters;
  const place = `${API}/projects/${project}/locations/${location}`;
  const base = `${place}/builds`;
  const key = tagOf(context);

  const request = async (method: 'GET' | 'POST', url: string, body?: object): Promise<RemoteAnswer> => {
    const token = await context.google?.token({ project });
    if (token === undefined) {
      const way = `ask the admins to list ${project} in GENNAKER_GOOGLE_PROJECTS`;
      throw new TerminalError(`Stages may not build in the project ${project}: ${way}.`);
    }
    return ask(context, {
      method,
      url,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  };
  const read = async <T>(method: 'GET' | 'POST', url: string, schema: z.ZodType<T>, body?: object): Promise<T> => {
    const answer = await request(method, url, body);
    if (answer.status !== 200) throw unexpected({ method, url }, answer);
    const parsed = schema.safeParse(jsonOf({ method, url }, answer));
    if (parsed.success) return parsed.data;
    throw new TerminalError(
      `${method} ${url} answered what is not Cloud Build's API: ${z.prettifyError(parsed.error)}`,
    );
  };

  /** Lists go by the id, and people name a trigger by its name. */
  const idOf = async ({ name }: BuildTrigger): Promise<string> =>
    (await read('GET', `${place}/triggers/${encodeURIComponent(name)}`, triggerAnswer)).id;

  const findTriggered = async (given: BuildTrigger): Promise<CloudBuild | undefined> => {
    const since = new Date(context.clock.now() - LOOK_BACK_MS).toISOString();
    const filter = encodeURIComponent(`trigger_id="${await idOf(given)}" AND create_time>"${since}"`);
    let token = '';
    for (let page = 0; page < MAXIMUM_PAGES; page += 1) {
      const next = token === '' ? '' : `&pageToken=${encodeURIComponent(token)}`;
      const { builds, nextPageToken } = await read(
        'GET',
        `${base}?filter=${filter}&pageSize=${PAGE_SIZE}${next}`,
        list,
      );
      const found = builds.find(({ substitutions }) => substitutions[KEY_SUBSTITUTION] === key);
      if (found !== undefined || nextPageToken === '') return found;
      token = nextPageToken;
    }
    throw new TerminalError(
      `The trigger ${given.name} in ${project} made more than ${MAXIMUM_PAGES * PAGE_SIZE} builds in a day: ` +
        'whether the one of this stage is among them cannot be told.',
    );
  };

  const run = async (given: BuildTrigger): Promise<CloudBuild> => {
    const { branch, tag, commit, substitutions } = given;
    const source = {
      ...(branch === undefined ? {} : { branchName: branch }),
      ...(tag === undefined ? {} : { tagName: tag }),
      ...(commit === undefined ? {} : { commitSha: commit }),
      substitutions: { ...substitutions, [KEY_SUBSTITUTION]: key },
    };
    const triggerId = await idOf(given);
    const body = { projectId: project, triggerId, source };
    return (await read('POST', `${place}/triggers/${triggerId}:run`, operation, body)).metadata.build;
  };

  return {
    /** The build of this attempt; undefined where there is none. */
    async find(): Promise<CloudBuild | undefined> {
      if (trigger !== undefined) return findTriggered(trigger);
      const { builds } = await read('GET', `${base}?filter=${encodeURIComponent(`tags="${key}"`)}&pageSize=10`, list);
      return builds.find(({ tags }) => tags.includes(key));
    },
    async start(): Promise<CloudBuild> {
      if (trigger !== undefined) return run(trigger);
      const tags = z.array(z.string()).default([]).parse(parameters.build?.tags);
      const body = { ...parameters.build, tags: [...tags, key] };
      return (await read('POST', base, operation, body)).metadata.build;
    },
    get: (id: string): Promise<CloudBuild> => read('GET', `${base}/${encodeURIComponent(id)}`, build),
    async cancel(id: string): Promise<void> {
      const url = `${base}/${encodeURIComponent(id)}:cancel`;
      const answer = await request('POST', url, {});
      // 400 with FAILED_PRECONDITION: it has ended.
      if (answer.status !== 200 && answer.status !== 400) throw unexpected({ method: 'POST', url }, answer);
    },
  };
}

const RUNNING: ReadonlySet<string> = new Set(['STATUS_UNKNOWN', 'PENDING', 'QUEUED', 'WORKING']);

export function isRunning({ status }: CloudBuild): boolean {
  return RUNNING.has(status);
}
