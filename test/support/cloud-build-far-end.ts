/**
 * Cloud Build's REST API, as strict as documented on what a stage uses: token, fields of a build, tags, filters, and
 * what running a trigger takes.
 */
import type { HttpClient } from '../../shared/stages/kind.ts';

const TOKEN = 'ya29.token';
const PLACE = '/v1/projects/acme-build/locations/asia-northeast1';
const BASE = `${PLACE}/builds`;
const TRIGGERS = `${PLACE}/triggers`;
const TRIGGER = { id: 'af2c7ddc-e4eb-4170-b938-a4babb53bac6', name: 'items-api' };
const PAGE = 2;
const SUBSTITUTION = /^_[A-Z0-9_]{1,99}$/u;
const REVISIONS: ReadonlySet<string> = new Set(['branchName', 'tagName', 'commitSha']);
const TRIGGER_FILTER = /^trigger_id="([^"]+)" AND create_time>"([^"]+)"$/u;
const FIELDS: ReadonlySet<string> = new Set([
  'steps',
  'images',
  'tags',
  'timeout',
  'substitutions',
  'options',
  'source',
]);
const TAG = /^[\w][\w.-]{0,128}$/u;

type Build = {
  readonly id: string;
  readonly tags: readonly string[];
  readonly given: unknown;
  readonly buildTriggerId?: string;
  readonly substitutions?: { readonly [name: string]: string };
  status: string;
};

export function cloudBuildFarEnd(options: { readonly status?: string } = {}) {
  const builds: Build[] = [];
  const describe = ({ id, status, tags, buildTriggerId, substitutions }: Build) => ({
    id,
    status,
    tags,
    buildTriggerId,
    substitutions,
    logUrl: `https://console.cloud.google.com/cloud-build/builds/${id}`,
    ...(status === 'SUCCESS' ? { results: { images: [{ name: 'items-api:1.2.3', digest: 'sha256:1234' }] } } : {}),
  });
  const error = (status: number, message: string): [number, object] => [status, { error: { code: status, message } }];

  const create = (body: string): [number, object] => {
    const given = JSON.parse(body) as { steps?: unknown[]; tags?: string[] };
    const unknown = Object.keys(given).find((name) => !FIELDS.has(name));
    if (unknown !== undefined) return error(400, `Invalid JSON payload received. Unknown name "${unknown}"`);
    if (given.steps === undefined) return error(400, 'invalid build: no build steps');
    const tags = given.tags ?? [];
    if (tags.some((tag) => !TAG.test(tag))) return error(400, 'invalid build: invalid tag');
    return begun({ id: `b-${builds.length + 1}`, tags, given, status: 'QUEUED' });
  };
  const begun = (made: Build): [number, object] => {
    builds.push(made);
    return [200, { name: `operations/build/acme-build/${made.id}`, metadata: { build: describe(made) } }];
  };
  const run = (body: string): [number, object] => {
    const given = JSON.parse(body) as { source?: { substitutions?: { [name: string]: unknown } } };
    const { source = {}, ...request } = given;
    const { substitutions = {}, ...revision } = source;
    if (JSON.stringify(request) !== JSON.stringify({ projectId: 'acme-build', triggerId: TRIGGER.id })) {
      return error(400, 'project_id and trigger_id must be those of the trigger, and nothing else is known');
    }
    const unknown = Object.keys(revision).find((name) => !REVISIONS.has(name));
    if (unknown !== undefined)
      return error(400, `Invalid JSON payload received. Unknown name "${unknown}" at 'source'`);
    if (Object.keys(revision).length > 1) return error(400, "oneof field 'revision' is already set");
    for (const [name, value] of Object.entries(substitutions)) {
      if (!SUBSTITUTION.test(name)) return error(400, `key "${name}" in the substitution data is not valid`);
      if (typeof value !== 'string' || value.length > 4_000) return error(400, `the value of "${name}" is not valid`);
    }
    return begun({
      id: `b-${builds.length + 1}`,
      tags: [`trigger-${TRIGGER.id}`],
      given,
      buildTriggerId: TRIGGER.id,
      substitutions: substitutions as { [name: string]: string },
      status: 'QUEUED',
    });
  };
  /** Newest first, page by page. */
  const listTriggered = (trigger: string, token: string | null): [number, object] => {
    const all = builds.filter(({ buildTriggerId }) => buildTriggerId === trigger).toReversed();
    const from = Number(token ?? 0);
    if (!Number.isInteger(from)) return error(400, 'invalid page token');
    const page = all.slice(from, from + PAGE).map(describe);
    if (page.length === 0) return [200, {}];
    return [200, { builds: page, ...(from + PAGE < all.length ? { nextPageToken: `${from + PAGE}` } : {}) }];
  };
  const answer = (method: string, { pathname, searchParams }: URL, body: string): [number, object] => {
    if (method === 'POST' && pathname === BASE) return create(body);
    if (pathname.startsWith(`${TRIGGERS}/`)) {
      const [name = '', verb] = pathname.slice(TRIGGERS.length + 1).split(':');
      if (name !== TRIGGER.id && name !== TRIGGER.name) return error(404, 'Requested entity was not found.');
      if (method === 'GET' && verb === undefined) return [200, { ...TRIGGER, createTime: '2026-01-01T00:00:00Z' }];
      if (method !== 'POST' || verb !== 'run') return error(404, 'Not found');
      return run(body);
    }
    if (method === 'GET' && pathname === BASE) {
      const [, trigger, since = ''] = TRIGGER_FILTER.exec(searchParams.get('filter') ?? '') ?? [];
      if (trigger !== undefined && !Number.isNaN(Date.parse(since))) {
        return listTriggered(trigger, searchParams.get('pageToken'));
      }
      const tag = /^tags="([^"]+)"$/u.exec(searchParams.get('filter') ?? '')?.[1];
      if (tag === undefined) return error(400, 'invalid filter');
      const found = builds.filter(({ tags }) => tags.includes(tag));
      return [200, found.length === 0 ? {} : { builds: found.map(describe) }];
    }
    const [id = '', verb] = pathname.slice(BASE.length + 1).split(':');
    const build = builds.find((one) => one.id === id);
    if (build === undefined) return error(404, 'Requested entity was not found.');
    if (method === 'GET' && verb === undefined) return [200, describe(build)];
    if (method !== 'POST' || verb !== 'cancel') return error(404, 'Not found');
    if (build.status !== 'QUEUED' && build.status !== 'WORKING') return error(400, 'cannot cancel a finished build');
    build.status = 'CANCELLED';
    return [200, describe(build)];
  };

  const http: HttpClient = {
    async request({ method, url, headers = {}, body = '' }) {
      const target = new URL(url);
      if (body !== '' && headers['content-type'] !== 'application/json') {
        throw new Error(`${method} ${url} has a body and does not say of what type it is`);
      }
      const isKnown =
        target.origin === 'https://cloudbuild.googleapis.com' && headers.authorization === `Bearer ${TOKEN}`;
      const [status, value] = isKnown ? answer(method, target, body) : error(401, 'Request had invalid credentials.');
      return { status, headers: new Headers(), body: JSON.stringify(value) };
    },
  };
  return {
    http,
    builds,
    context: {
      google: { token: async ({ project }: { project: string }) => (project === 'acme-build' ? TOKEN : undefined) },
    },
    passTime(): void {
      for (const build of builds) {
        if (build.status === 'QUEUED') build.status = 'WORKING';
        else if (build.status === 'WORKING') build.status = options.status ?? 'SUCCESS';
      }
    },
    effects: () => builds.map(({ given, status }) => ({ given, status })),
  };
}
