/** The part of Jenkins' remote access API that a stage needs, as https://www.jenkins.io/doc/book/using/remote-access-api tells it. */
import { z } from 'zod';
import { type StageContext, TerminalError } from '../kind.ts';
import { ask, jobKey, jsonOf, type RemoteAnswer, secretOf, unexpected } from '../remote.ts';
import type { JenkinsParameters } from './schema.ts';

/** How many builds of the job are looked through for ours. */
const MAXIMUM_BUILDS = 100;
const QUEUE_TREE = 'items[id,actions[parameters[name,value]]]';
const JOB_TREE = `property[parameterDefinitions[name]],builds[number,actions[parameters[name,value]]]{0,${MAXIMUM_BUILDS}}`;
const MAXIMUM_PROPERTIES = 100;
const MAXIMUM_PROPERTY_FILE = 32 * 1024;

const actions = z
  .array(
    z
      .looseObject({ parameters: z.array(z.looseObject({ name: z.string(), value: z.unknown() })).optional() })
      .nullable(),
  )
  .default([]);
const jobAnswer = z.object({
  property: z
    .array(z.looseObject({ parameterDefinitions: z.array(z.looseObject({ name: z.string() })).optional() }).nullable())
    .default([]),
  builds: z.array(z.object({ number: z.int(), actions })).default([]),
});
const queueAnswer = z.object({ items: z.array(z.object({ id: z.int(), actions })) });
const itemAnswer = z.object({
  why: z.string().nullish(),
  cancelled: z.boolean().optional(),
  executable: z.object({ number: z.int() }).nullish(),
});
const buildAnswer = z.object({
  building: z.boolean(),
  result: z.string().nullish(),
  timestamp: z.number().default(0),
  estimatedDuration: z.number().default(-1),
});
const crumbAnswer = z.object({ crumb: z.string(), crumbRequestField: z.string() });

export type Found =
  | { readonly is: 'queued'; readonly item: number }
  | { readonly is: 'building'; readonly build: number };
export type QueueItem = z.output<typeof itemAnswer>;
export type Build = z.output<typeof buildAnswer>;

export function jenkinsClient(parameters: JenkinsParameters, context: StageContext) {
  const { url: base, job, credentials } = parameters;
  const jobUrl = `${base}/${job
    .split('/')
    .map((part) => `job/${encodeURIComponent(part)}`)
    .join('/')}`;

  const authorization = async (): Promise<{ authorization: string }> => {
    const secret = await secretOf(context, credentials);
    return { authorization: `Basic ${Buffer.from(secret, 'utf8').toString('base64')}` };
  };
  const get = async (url: string): Promise<RemoteAnswer> =>
    ask(context, { method: 'GET', url, headers: await authorization() });
  const read = async <T>(url: string, schema: z.ZodType<T>): Promise<T | undefined> => {
    const answer = await get(url);
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw unexpected({ method: 'GET', url }, answer);
    const parsed = schema.safeParse(jsonOf({ method: 'GET', url }, answer));
    if (parsed.success) return parsed.data;
    throw new TerminalError(`GET ${url} answered what is not Jenkins' API: ${z.prettifyError(parsed.error)}`);
  };
  const post = async (url: string, form?: URLSearchParams): Promise<RemoteAnswer> => {
    const headers = { ...(await authorization()), ...(await crumb()) };
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    return ask(context, { method: 'POST', url, headers: { ...headers, ...type }, body: form?.toString() ?? '' });
  };
  /** A crumb counts for the session in which it was given, so that session's cookie goes along. */
  const crumb = async (): Promise<{ [header: string]: string }> => {
    const url = `${base}/crumbIssuer/api/json`;
    const answer = await get(url);
    if (answer.status === 404) return {};
    if (answer.status !== 200) throw unexpected({ method: 'GET', url }, answer);
    const { crumb: value, crumbRequestField } = crumbAnswer.parse(jsonOf({ method: 'GET', url }, answer));
    const cookies = answer.headers.getSetCookie().flatMap((cookie) => cookie.split(';', 1));
    return { [crumbRequestField]: value, ...(cookies.length === 0 ? {} : { cookie: cookies.join('; ') }) };
  };
  const isOurs = (given: z.output<typeof actions>): boolean =>
    given.some((action) =>
      action?.parameters?.some(({ name, value }) => name === parameters['key-parameter'] && value === jobKey(context)),
    );

  return {
    consoleUrl: (build: number): string => `${jobUrl}/${build}/console`,
    buildUrl: (build: number): string => `${jobUrl}/${build}/`,

    /** The build of this attempt, in the queue or out of it. Throws TerminalError where the job cannot be told apart by a key. */
    async find(): Promise<Found | undefined> {
      const key = parameters['key-parameter'];
      // First the queue: what leaves it meanwhile is among the builds.
      const queue = await read(`${base}/queue/api/json?tree=${encodeURIComponent(QUEUE_TREE)}`, queueAnswer);
      const item = queue?.items.find((one) => isOurs(one.actions));
      if (item !== undefined) return { is: 'queued', item: item.id };
      const known = await read(`${jobUrl}/api/json?tree=${encodeURIComponent(JOB_TREE)}`, jobAnswer);
      if (known === undefined) throw new TerminalError(`Jenkins has no job ${job}, or does not show it.`);
      const names = known.property.flatMap((one) => one?.parameterDefinitions ?? []).map(({ name }) => name);
      if (!names.includes(key)) {
        const text = `The Jenkins job ${job} has no parameter ${key}: without it a build could be started twice.`;
        throw new TerminalError(`${text} Add a text parameter of that name to the job.`);
      }
      const build = known.builds.find((one) => isOurs(one.actions));
      return build === undefined ? undefined : { is: 'building', build: build.number };
    },

    /** Starts the build, and gives its place in the queue. */
    async start(): Promise<number> {
      const given = Object.entries(parameters.parameters).map(([name, value]): [string, string] => [
        name,
        String(value),
      ]);
      const form = new URLSearchParams([...given, [parameters['key-parameter'], jobKey(context)]]);
      const url = `${jobUrl}/buildWithParameters`;
      const answer = await post(url, form);
      const item = /\/queue\/item\/(\d+)\/?$/u.exec(answer.headers.get('location') ?? '')?.[1];
      if (answer.status === 201 && item !== undefined) return Number(item);
      throw unexpected({ method: 'POST', url }, answer);
    },

    /** Undefined some minutes after it has left the queue. */
    item: (id: number): Promise<QueueItem | undefined> => read(`${base}/queue/item/${id}/api/json`, itemAnswer),
    build: (build: number): Promise<Build | undefined> =>
      read(`${jobUrl}/${build}/api/json?tree=building,result,timestamp,estimatedDuration`, buildAnswer),

    async cancelItem(id: number): Promise<void> {
      await post(`${base}/queue/cancelItem?id=${id}`);
    },
    async stopBuild(build: number): Promise<void> {
      await post(`${jobUrl}/${build}/stop`);
    },

    /** The values of a property file among the build's artifacts. */
    async properties(build: number, path: string): Promise<{ [name: string]: string }> {
      const url = `${jobUrl}/${build}/artifact/${path.split('/').map(encodeURIComponent).join('/')}`;
      const answer = await get(url);
      if (answer.status === 404) throw new TerminalError(`The build ${build} of ${job} has no artifact ${path}.`);
      if (answer.status !== 200) throw unexpected({ method: 'GET', url }, answer);
      return readProperties(answer.body, path);
    },
  };
}

function readProperties(text: string, path: string): { [name: string]: string } {
  const entries = text
    .slice(0, MAXIMUM_PROPERTY_FILE)
    .split(/\r?\n/u)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#') && !line.startsWith('!'))
    .map((line): [string, string] => {
      const match = /^([^=:\s]+)\s*[=:\s]\s*(.*)$/u.exec(line);
      return [match?.[1] ?? line, match?.[2] ?? ''];
    });
  if (text.length > MAXIMUM_PROPERTY_FILE || entries.length > MAXIMUM_PROPERTIES) {
    throw new TerminalError(
      `${path} has ${text.length} characters and ${entries.length} values; at most ${MAXIMUM_PROPERTY_FILE} and ${MAXIMUM_PROPERTIES} can be taken.`,
    );
  }
  return Object.fromEntries(entries);
}
