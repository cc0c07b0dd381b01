/** The part of GitHub's REST API for Actions that a stage needs. A dispatch tells no run, so runs are found by their name. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type StageContext, TerminalError } from '../kind.ts';
import { ask, jobKey, jsonOf, type RemoteAnswer, secretOf, unexpected } from '../remote.ts';
import type { GithubWorkflowParameters } from './schema.ts';

const VERSION = '2022-11-28';
const PAGE_SIZE = 100;
/** Runs of one workflow by hand since the stage began; ours is among the newest. */
const MAXIMUM_PAGES = 3;

const run = z.object({
  id: z.int(),
  display_title: z.string().default(''),
  name: z.string().nullish(),
  status: z.string().nullish(),
  conclusion: z.string().nullish(),
  html_url: z.string(),
});
const runs = z.object({ workflow_runs: z.array(run) });
export type WorkflowRun = z.output<typeof run>;

/** Short enough for a run's name, and of no other attempt. */
export function keyOf(context: StageContext): string {
  return `gennaker-${createHash('sha256').update(jobKey(context)).digest('hex').slice(0, 24)}`;
}

export function githubActions(parameters: GithubWorkflowParameters, context: StageContext) {
  const { 'api-url': api, repository, workflow, ref, inputs, token } = parameters;
  const base = `${api}/repos/${repository}/actions`;

  const request = async (method: 'GET' | 'POST', url: string, body?: object): Promise<RemoteAnswer> => {
    const answer = await ask(context, {
      method,
      url,
      headers: {
        accept: 'application/vnd.github+json',
        authorization: `Bearer ${await secretOf(context, token)}`,
        'user-agent': 'gennaker',
        'x-github-api-version': VERSION,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return answer;
  };
  const read = async <T>(url: string, schema: z.ZodType<T>): Promise<T> => {
    const answer = await request('GET', url);
    if (answer.status !== 200) throw unexpected({ method: 'GET', url }, answer);
    const parsed = schema.safeParse(jsonOf({ method: 'GET', url }, answer));
    if (parsed.success) return parsed.data;
    throw new TerminalError(`GET ${url} answered what is not GitHub's API: ${z.prettifyError(parsed.error)}`);
  };

  return {
    /** The run of this attempt; undefined while none has its key in its name. */
    async find(): Promise<WorkflowRun | undefined> {
      const key = keyOf(context);
      for (let page = 1; page <= MAXIMUM_PAGES; page += 1) {
        const query = `event=workflow_dispatch&per_page=${PAGE_SIZE}&page=${page}`;
        const { workflow_runs: found } = await read(`${base}/workflows/${workflow}/runs?${query}`, runs);
        const ours = found.find(
          ({ display_title: title, name }) => title.includes(key) || name?.includes(key) === true,
        );
        if (ours !== undefined || found.length < PAGE_SIZE) return ours;
      }
      return undefined;
    },
    async dispatch(): Promise<void> {
      const url = `${base}/workflows/${workflow}/dispatches`;
      const given = Object.entries(inputs).map(([name, value]) => [name, String(value)]);
      const body = { ref, inputs: { ...Object.fromEntries(given), [parameters['key-input']]: keyOf(context) } };
      const answer = await request('POST', url, body);
      if (answer.status !== 204 && answer.status !== 200) throw unexpected({ method: 'POST', url }, answer);
    },
    run: (id: number): Promise<WorkflowRun> => read(`${base}/runs/${id}`, run),
    async cancel(id: number): Promise<void> {
      const url = `${base}/runs/${id}/cancel`;
      const answer = await request('POST', url);
      // 409: it has ended, or is about to.
      if (answer.status !== 202 && answer.status !== 409) throw unexpected({ method: 'POST', url }, answer);
    },
  };
}
