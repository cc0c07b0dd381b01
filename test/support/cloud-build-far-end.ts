/** Cloud Build's REST API, as strict as documented on what a stage uses: token, fields of a build, tags, filter. */
import type { HttpClient } from '../../shared/stages/kind.ts';

const TOKEN = 'ya29.token';
const BASE = '/v1/projects/acme-build/locations/asia-northeast1/builds';
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

type Build = { readonly id: string; readonly tags: readonly string[]; readonly given: unknown; status: string };

export function cloudBuildFarEnd(options: { readonly status?: string } = {}) {
  const builds: Build[] = [];
  const describe = ({ id, status, tags }: Build) => ({
    id,
    status,
    tags,
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
    const made: Build = { id: `b-${builds.length + 1}`, tags, given, status: 'QUEUED' };
    builds.push(made);
    return [200, { name: `operations/build/acme-build/${made.id}`, metadata: { build: describe(made) } }];
  };
  const answer = (method: string, { pathname, searchParams }: URL, body: string): [number, object] => {
    if (method === 'POST' && pathname === BASE) return create(body);
    if (method === 'GET' && pathname === BASE) {
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
