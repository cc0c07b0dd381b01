/** A Jenkins that takes only what the real one documents: credentials, crumbs with their session, declared parameters. */
import type { HttpClient } from '../../shared/stages/kind.ts';

type Answer = { status: number; headers?: { [name: string]: string }; body?: unknown };
type Build = {
  readonly item: number;
  readonly parameters: { readonly [name: string]: string };
  phase: 'queued' | 'building' | 'ended' | 'cancelled';
  number: number | undefined;
  result: string | undefined;
  looks: number;
};

export const JENKINS_URL = 'https://ci.example.com';
export const JENKINS_CREDENTIALS = 'deployer:11aa22bb';
const JOB = '/job/team/job/items-api';
const CRUMB = 'crumb-of-the-session';
const SESSION = 'JSESSIONID.1=session-1';

export function jenkinsFarEnd(
  options: {
    readonly declared?: readonly string[];
    readonly result?: string;
    readonly properties?: string;
    readonly crumbs?: boolean;
    /** The first request gets no answer, and its build stands in the queue only when so many more moments have passed. */
    readonly lag?: number;
  } = {},
) {
  const { declared = ['GENNAKER_KEY', 'VERSION'], result = 'SUCCESS', properties, crumbs = true, lag } = options;
  const builds: Build[] = [];
  const onTheWay: { body: string; moments: number }[] = [];
  let asked = 0;
  const refusals: string[] = [];
  const refuse = (status: number, why: string): Answer => {
    refusals.push(why);
    return { status, body: why };
  };
  const actionsOf = ({ parameters }: Build) => [
    {},
    { parameters: Object.entries(parameters).map(([name, value]) => ({ name, value })) },
  ];

  const start = (body: string): Answer => {
    // Jenkins drops parameters that the job does not declare.
    const given = [...new URLSearchParams(body)].filter(([name]) => declared.includes(name));
    const item = 100 + builds.length;
    builds.push({
      item,
      parameters: Object.fromEntries(given),
      phase: 'queued',
      number: undefined,
      result: undefined,
      looks: 0,
    });
    return { status: 201, headers: { location: `${JENKINS_URL}/queue/item/${item}/` } };
  };
  const get = (path: string): Answer => {
    if (path === '/crumbIssuer/api/json') {
      if (!crumbs) return { status: 404 };
      const headers = { 'set-cookie': `${SESSION}; Path=/; HttpOnly` };
      return { status: 200, headers, body: { crumb: CRUMB, crumbRequestField: 'Jenkins-Crumb' } };
    }
    if (path === '/queue/api/json') {
      const items = builds.filter(({ phase }) => phase === 'queued');
      return { status: 200, body: { items: items.map((one) => ({ id: one.item, actions: actionsOf(one) })) } };
    }
    if (path === `${JOB}/api/json`) {
      const begun = builds.filter(({ number }) => number !== undefined);
      return {
        status: 200,
        body: {
          property: [{}, { parameterDefinitions: declared.map((name) => ({ name })) }],
          builds: begun.map((one) => ({ number: one.number, actions: actionsOf(one) })),
        },
      };
    }
    const item = builds.find((one) => path === `/queue/item/${one.item}/api/json`);
    if (item !== undefined) {
      const executable = item.number === undefined ? null : { number: item.number };
      const why = item.phase === 'queued' ? 'Waiting for next available executor' : null;
      return { status: 200, body: { why, cancelled: item.phase === 'cancelled', executable } };
    }
    const build = builds.find((one) => one.number !== undefined && path.startsWith(`${JOB}/${one.number}/`));
    if (build === undefined) return { status: 404 };
    if (path.endsWith('/artifact/build.properties')) {
      return properties === undefined ? { status: 404 } : { status: 200, body: properties };
    }
    const building = build.phase === 'building';
    return { status: 200, body: { building, result: build.result ?? null, timestamp: 1, estimatedDuration: 60_000 } };
  };
  const post = (path: string, query: URLSearchParams, headers: { readonly [name: string]: string }, body: string) => {
    if (crumbs && (headers['Jenkins-Crumb'] !== CRUMB || headers.cookie !== SESSION)) {
      return refuse(403, 'No valid crumb was included in the request');
    }
    if (headers['content-type'] !== 'application/x-www-form-urlencoded') return refuse(400, 'This page expects a form');
    if (path === `${JOB}/buildWithParameters`) {
      asked += 1;
      if (lag === undefined || asked > 1) return start(body);
      onTheWay.push({ body, moments: lag });
      return { status: 504, body: 'Gateway Timeout' };
    }
    if (path === '/queue/cancelItem') {
      const item = builds.find((one) => String(one.item) === query.get('id') && one.phase === 'queued');
      if (item !== undefined) item.phase = 'cancelled';
      return { status: item === undefined ? 404 : 204 };
    }
    const build = builds.find((one) => path === `${JOB}/${one.number}/stop`);
    if (build?.phase === 'building') {
      build.phase = 'ended';
      build.result = 'ABORTED';
    }
    return { status: build === undefined ? 404 : 302 };
  };

  const http: HttpClient = {
    async request({ method, url, headers = {}, body = '' }) {
      const { origin, pathname, searchParams } = new URL(url);
      const expected = `Basic ${Buffer.from(JENKINS_CREDENTIALS).toString('base64')}`;
      const answer: Answer =
        origin !== JENKINS_URL || headers.authorization !== expected
          ? refuse(401, 'Unauthorized')
          : method === 'GET'
            ? get(pathname)
            : post(pathname, searchParams, headers, body);
      const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body ?? '');
      return { status: answer.status, headers: new Headers(answer.headers), body: text };
    },
  };
  return {
    http,
    builds,
    refusals,
    secrets: { jenkins: JENKINS_CREDENTIALS },
    /** Builds leave the queue, and end. */
    passTime(): void {
      for (const one of onTheWay) {
        one.moments -= 1;
        if (one.moments === 0) start(one.body);
      }
      for (const [index, build] of builds.entries()) {
        build.looks += 1;
        if (build.phase === 'queued' && build.looks >= 2) {
          build.phase = 'building';
          build.number = 40 + index;
        } else if (build.phase === 'building' && build.looks >= 4) {
          build.phase = 'ended';
          build.result = result;
        }
      }
    },
    effects: () => builds.map(({ parameters, phase, result: end }) => ({ parameters, phase, end })),
  };
}
