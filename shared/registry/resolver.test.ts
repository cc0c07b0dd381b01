import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allowedRegistries, RegistryError, registryTagResolver } from './resolver.ts';

const MANIFEST = '{"schemaVersion":2}';
const DIGEST = `sha256:${createHash('sha256').update(MANIFEST).digest('hex')}`;

/** A registry that speaks the OCI distribution API as far as a tag's digest needs it; the path says how it behaves. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const host = request.headers.host ?? '';
  const url = new URL(request.url ?? '/', `http://${host}`);
  const { authorization } = request.headers;
  const isToken = url.pathname === '/token';
  const [, , name = '', , tag = ''] = url.pathname.split('/');
  const challenge = (realm: string): void => {
    response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="tests",scope="ignored"` }).end();
  };
  const manifest = (headers: { [name: string]: string } = { 'docker-content-digest': DIGEST }): void => {
    response.writeHead(200, headers).end(request.method === 'HEAD' ? undefined : MANIFEST);
  };
  if (isToken) {
    const login = Buffer.from((authorization ?? '').replace('Basic ', ''), 'base64').toString('utf8');
    const scope = url.searchParams.get('scope') ?? '';
    if (scope === 'repository:private:pull' && login !== 'robot:right') response.writeHead(401).end();
    else response.end(JSON.stringify({ token: `${scope} ${login}`.trim() }));
  } else if (name === 'broken') response.writeHead(503).end();
  else if (name === 'silent') return;
  else if (url.pathname.endsWith('/tags/list')) tags(name, url.searchParams, response);
  else if (name === 'moved') response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end();
  else if (name === 'strange') challenge('http://127.0.0.1:1/token');
  else if (tag !== '1.2.3') response.writeHead(404).end();
  else if (name === 'public') manifest();
  else if (name === 'quiet') manifest({});
  else if (name === 'basic' && authorization === undefined)
    response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
  else if (name === 'basic') manifest();
  else if (
    authorization === 'Bearer repository:anonymous:pull' ||
    authorization === 'Bearer repository:private:pull robot:right'
  )
    manifest();
  else challenge(`http://${host}/token`);
}

/** Two tags a page; `endless` always has another page. */
function tags(name: string, query: URLSearchParams, response: ServerResponse): void {
  const last = query.get('last');
  const all = name === 'endless' ? [`${Number(last ?? 0) + 1}`] : ['1.0.0', '1.1.0', '1.2.0'];
  const rest = name === 'endless' ? all : all.filter((tag) => last === null || tag > last);
  const page = rest.slice(0, 2);
  const hasMore = name === 'endless' || rest.length > page.length;
  const link = hasMore ? { link: `<http://elsewhere.example/v2/next>; rel="next"` } : {};
  response.writeHead(200, link).end(JSON.stringify({ name, tags: page }));
}

describe('registryTagResolver', () => {
  const server = createServer(answer);
  let host = '';

  beforeAll(async () => {
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const address = server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the server has no port');
    host = `127.0.0.1:${address.port}`;
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });

  const resolve = (name: string, tag = '1.2.3', password = 'right') =>
    registryTagResolver({ login: async () => ({ username: 'robot', password }) }).resolve({
      repository: `${host}/${name}`,
      tag,
      signal: AbortSignal.timeout(15_000),
    });
  const anonymously = (name: string) =>
    registryTagResolver().resolve({ repository: `${host}/${name}`, tag: '1.2.3', signal: AbortSignal.timeout(15_000) });

  it.each(['public', 'quiet', 'basic', 'private'])('finds the digest in a registry that is %s', async (name) => {
    await expect(resolve(name)).resolves.toEqual({ digest: DIGEST });
  });

  it('lists all tags, page by page, and asks nobody else for them', async () => {
    const list = registryTagResolver().list;
    const signal = AbortSignal.timeout(15_000);
    await expect(list?.({ repository: `${host}/public`, signal })).resolves.toEqual(['1.0.0', '1.1.0', '1.2.0']);
    await expect(list?.({ repository: `${host}/endless`, signal })).rejects.toMatchObject({ code: 'refused' });
  });

  it('takes a token without credentials where that is enough', async () => {
    await expect(anonymously('anonymous')).resolves.toEqual({ digest: DIGEST });
  });

  it.each([
    ['public', '9.9.9', 'right', 'notFound', /:9\.9\.9: there is no such tag$/],
    ['private', '1.2.3', 'wrong', 'refused', /does not let us read it \(401\); check its credentials$/],
    ['broken', '1.2.3', 'right', 'unreachable', /answered 503$/],
    ['moved', '1.2.3', 'right', 'unreachable', /does not answer$/],
    [
      'strange',
      '1.2.3',
      'right',
      'refused',
      /wants a token from "http:\/\/127\.0\.0\.1:1\/token", which is not its own host$/,
    ],
  ])('tells apart what went wrong: %s %s %s', async (name, tag, password, code, message) => {
    const error: unknown = await resolve(name, tag, password).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RegistryError);
    expect(error).toMatchObject({ code, retryable: code === 'unreachable', message: expect.stringMatching(message) });
  });

  it('asks the hosts that the admins allow, and no other', async () => {
    const ask = (allow: string[], repository = `${host}/public`) =>
      registryTagResolver({ allow, resolve: async () => [{ address: '10.0.0.7', family: 4 }] }).resolve({
        repository,
        tag: '1.2.3',
        signal: AbortSignal.timeout(15_000),
      });
    await expect(ask(['127.0.0.1'])).resolves.toEqual({ digest: DIGEST });
    await expect(ask([...allowedRegistries(['*'], { inside: host })])).resolves.toEqual({ digest: DIGEST });
    for (const refused of [
      ask(['*']),
      ask(['registry.example.com']),
      ask(['*'], 'inside.example.com/a'),
      ask(['*'], '169.254.169.254/a'),
    ]) {
      await expect(refused).rejects.toMatchObject({ name: 'RegistryError', code: 'refused', retryable: false });
    }
  });

  it('gives up in time', async () => {
    const resolver = registryTagResolver({ timeoutMs: 50 });
    const asked = resolver.resolve({ repository: `${host}/silent`, tag: '1', signal: new AbortController().signal });
    await expect(asked).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('says that nobody answers', async () => {
    const asked = registryTagResolver().resolve({
      repository: '127.0.0.1:1/a',
      tag: '1',
      signal: AbortSignal.timeout(15_000),
    });
    await expect(asked).rejects.toMatchObject({ code: 'unreachable' });
  });
});
