/** The part of Cloud Build's REST API that a stage needs. A build carries a tag of its attempt, by which it is found again. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type StageContext, TerminalError } from '../kind.ts';
import { ask, jobKey, jsonOf, type RemoteAnswer, unexpected } from '../remote.ts';
import type { CloudBuildParameters } from './schema.ts';

const API = 'https://cloudbuild.googleapis.com/v1';

const build = z.object({
  id: z.string(),
  status: z.string().default('QUEUED'),
  statusDetail: z.string().optional(),
  logUrl: z.string().default(''),
  tags: z.array(z.string()).default([]),
  results: z
    .object({ images: z.array(z.object({ name: z.string(), digest: z.string() })).default([]) })
    .default({ images: [] }),
});
export type CloudBuild = z.output<typeof build>;
const list = z.object({ builds: z.array(build).default([]) });
const operation = z.object({ metadata: z.object({ build }) });

export function tagOf(context: StageContext): string {
  return `gennaker-${createHash('sha256').update(jobKey(context)).digest('hex').slice(0, 32)}`;
}

export function cloudBuildClient(parameters: CloudBuildParameters, context: StageContext) {
  const { project, location } = parameters;
  const base = `${API}/projects/${project}/locations/${location}/builds`;

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

  return {
    /** The build of this attempt; undefined where there is none. */
    async find(): Promise<CloudBuild | undefined> {
      const tag = tagOf(context);
      const { builds } = await read('GET', `${base}?filter=${encodeURIComponent(`tags="${tag}"`)}&pageSize=10`, list);
      return builds.find(({ tags }) => tags.includes(tag));
    },
    async start(): Promise<CloudBuild> {
      const tags = z.array(z.string()).default([]).parse(parameters.build.tags);
      const body = { ...parameters.build, tags: [...tags, tagOf(context)] };
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
