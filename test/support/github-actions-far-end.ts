/** GitHub's REST API for workflows, as strict as documented: version, token, declared inputs, and runs that appear late. */
import type { HttpClient } from '../../shared/stages/kind.ts';

export const ACTIONS_TOKEN = 'github_pat_0123456789';
const BASE = '/repos/acme/items/actions';
const API = 'https://api.github.com';
const MAXIMUM_INPUTS = 25;

type Run = {
  readonly id: number;
  readonly inputs: { readonly [name: string]: string };
  readonly title: string;
  status: 'unseen' | 'queued' | 'in_progress' | 'completed';
  conclusion: string | null;
};

export function githubActionsFarEnd(
  options: {
    readonly conclusion?: string;
    readonly showsKey?: boolean;
    /** So many requests are told that they come too often. */
    readonly tooOften?: number;
  } = {},
) {
  const { conclusion = 'success', showsKey = true, tooOften = 0 } = options;
  let requests = 0;
  const runs: Run[] = [];
  const describe = ({ id, title, status, conclusion: end }: Run) => ({
    id,
    name: title,
    display_title: title,
    status,
    conclusion: end,
    html_url: `https://github.com/acme/items/actions/runs/${id}`,
  });

  const dispatch = (body: string): [number, object?] => {
    const { ref, inputs, ...rest } = JSON.parse(body) as { ref?: unknown; inputs?: { [name: string]: unknown } };
    const given = inputs ?? {};
    const unknown = Object.keys(given).filter((name) => !['version', 'gennaker_key'].includes(name));
    if (ref !== 'main') return [422, { message: `No ref found for: ${String(ref)}` }];
    if (Object.keys(rest).length > 0) return [422, { message: 'Invalid request.' }];
    if (unknown.length > 0) return [422, { message: `Unexpected inputs provided: ${JSON.stringify(unknown)}` }];
    if (Object.keys(given).length > MAXIMUM_INPUTS || Object.values(given).some((value) => typeof value !== 'string')) {
      return [422, { message: 'Invalid value for input' }];
    }
    const texts = given as { readonly [name: string]: string };
    const title = showsKey ? `release ${texts.gennaker_key ?? ''}` : 'release';
    runs.push({ id: 9000 + runs.length, inputs: texts, title, status: 'unseen', conclusion: null });
    return [204];
  };

  const answer = (method: string, { pathname, searchParams }: URL, body: string): [number, object?] => {
    if (method === 'POST' && pathname === `${BASE}/workflows/release.yml/dispatches`) return dispatch(body);
    if (method === 'GET' && pathname === `${BASE}/workflows/release.yml/runs`) {
      if (searchParams.get('event') !== 'workflow_dispatch') return [200, { total_count: 0, workflow_runs: [] }];
      const seen = runs.filter(({ status }) => status !== 'unseen').toReversed();
      return [200, { total_count: seen.length, workflow_runs: seen.map(describe) }];
    }
    const run = runs.find(({ id }) => pathname.startsWith(`${BASE}/runs/${id}`));
    if (run === undefined) return [404, { message: 'Not Found' }];
    if (method === 'GET') return [200, describe(run)];
    if (run.status === 'completed') return [409, { message: 'Cannot cancel a workflow run that is completed.' }];
    run.status = 'completed';
    run.conclusion = 'cancelled';
    return [202, {}];
  };

  const http: HttpClient = {
    async request({ method, url, headers = {}, body = '' }) {
      const target = new URL(url);
      const isKnown = target.origin === API && headers.authorization === `Bearer ${ACTIONS_TOKEN}`;
      const isProper = headers['x-github-api-version'] === '2022-11-28' && (headers['user-agent'] ?? '') !== '';
      requests += 1;
      if (requests <= tooOften) {
        const limited = new Headers({ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1777593600' });
        return { status: 403, headers: limited, body: '{"message":"API rate limit exceeded"}' };
      }
      const [status, value] = !isKnown
        ? [401, { message: 'Bad credentials' }]
        : isProper
          ? answer(method, target, body)
          : [400, { message: 'Bad request' }];
      return { status, headers: new Headers(), body: value === undefined ? '' : JSON.stringify(value) };
    },
  };
  return {
    http,
    runs,
    secrets: { actions: ACTIONS_TOKEN },
    /** Runs appear, begin and end. */
    passTime(): void {
      for (const run of runs) {
        if (run.status === 'unseen') run.status = 'queued';
        else if (run.status === 'queued') run.status = 'in_progress';
        else if (run.status === 'in_progress') {
          run.status = 'completed';
          run.conclusion = conclusion;
        }
      }
    },
    effects: () => runs.map(({ inputs, status, conclusion: end }) => ({ inputs, status, end })),
  };
}
