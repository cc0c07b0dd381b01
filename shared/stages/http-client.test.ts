import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { guardedHttpClient, HttpRefused, HttpUnreachable, MAXIMUM_RESPONSE_BYTES } from './http-client.ts';

const signal = (): AbortSignal => AbortSignal.timeout(15_000);

describe('guardedHttpClient refuses', () => {
  const publicOnly = guardedHttpClient({ allow: ['*'] });

  it.each([
    'http://127.0.0.1/',
    'http://127.1/',
    'http://2130706433/',
    'http://0x7f.0.0.1/',
    'http://0177.0.0.1/',
    'http://127.0.0.1./',
    'http://%31%32%37.0.0.1/',
    'http://0/',
    'http://10.1.2.3/',
    'http://172.31.0.1/',
    'http://192.168.1.1/',
    'http://100.64.0.1/',
    'http://0.0.0.0/',
    'http://[::1]/',
    'http://[::]/',
    'http://[fe80::1]/',
    'http://[fd12::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:a00:1]/',
    'http://[::127.0.0.1]/',
    'http://[64:ff9b::7f00:1]/',
    'http://169.254.1.1/',
  ])('%s, which is inside', async (url) => {
    await expect(publicOnly.request({ method: 'GET', url, signal: signal() })).rejects.toThrow(HttpRefused);
  });

  it('a name that leads inside', async () => {
    const client = guardedHttpClient({
      allow: ['*'],
      resolve: async () => [
        { address: '203.0.113.7', family: 4 },
        { address: '10.0.0.1', family: 4 },
      ],
    });
    await expect(client.request({ method: 'GET', url: 'https://rebind.example/', signal: signal() })).rejects.toThrow(
      /private network/,
    );
  });

  it('a name that leads elsewhere the second time: it is asked once', async () => {
    let asked = 0;
    const client = guardedHttpClient({
      allow: ['*'],
      resolve: async () => {
        asked += 1;
        return [{ address: asked === 1 ? '192.0.2.1' : '127.0.0.1', family: 4 }];
      },
    });
    const late = AbortSignal.timeout(100);
    await expect(client.request({ method: 'GET', url: 'http://rebind.example:1/', signal: late })).rejects.toThrow(
      HttpUnreachable,
    );
    expect(asked).toBe(1);
  });

  it('metadata servers, listed or not', async () => {
    const client = guardedHttpClient({
      allow: [
        'metadata.google.internal',
        '169.254.169.254',
        '169.254.170.23',
        'fd00:ec2::23',
        '64:ff9b::a9fe:a9fe',
        '2002:a9fe:a9fe::1',
      ],
      resolve: async () => [{ address: '169.254.169.254', family: 4 }],
    });
    for (const url of [
      'http://metadata.google.internal/computeMetadata/v1/',
      'http://169.254.169.254/',
      'http://2852039166/',
      'http://169.254.170.23/v1/credentials',
      'http://[fd00:ec2::23]/v1/credentials',
      'http://[::ffff:169.254.169.254]/',
      'http://[64:ff9b::169.254.169.254]/',
      'http://[2002:a9fe:a9fe::1]/',
    ]) {
      await expect(client.request({ method: 'GET', url, signal: signal() })).rejects.toThrow(HttpRefused);
    }
  });

  it('hosts that are not listed, and other protocols', async () => {
    const client = guardedHttpClient({ allow: ['*.example.com', 'hooks.acme.dev'] });
    for (const url of [
      'https://example.com/',
      'https://evilexample.com/',
      'https://hooks.acme.dev.evil.net/',
      'ftp://hooks.acme.dev/',
      'nonsense',
    ]) {
      await expect(client.request({ method: 'GET', url, signal: signal() })).rejects.toThrow(HttpRefused);
    }
  });
});

describe('guardedHttpClient', () => {
  const requests: { method: string | undefined; host: string | undefined; body: string }[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString('utf8');
    });
    request.on('end', () => {
      requests.push({ method: request.method, host: request.headers.host, body });
      if (request.url === '/large') response.end('x'.repeat(MAXIMUM_RESPONSE_BYTES + 1));
      else if (request.url === '/moved') response.writeHead(302, { location: 'http://169.254.169.254/' }).end();
      else if (request.url === '/cut')
        response.writeHead(200, { 'content-length': '100' }).end('short', () => response.destroy());
      else if (request.url !== '/silent') response.writeHead(201, { 'x-seen': 'yes' }).end(`got ${body}`);
    });
  };
  const server = createServer(answer);
  let port = 0;

  beforeAll(async () => {
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const address = server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the server has no port');
    port = address.port;
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });

  const client = guardedHttpClient({
    allow: ['hooks.inside'],
    resolve: async () => [{ address: '127.0.0.1', family: 4 }],
  });
  const get = (path: string, options: { signal?: AbortSignal } = {}) =>
    client.request({
      method: 'POST',
      url: `http://hooks.inside:${port}${path}`,
      body: 'hällo',
      signal: signal(),
      ...options,
    });

  it('connects to the address that it checked, and sends the name', async () => {
    const response = await get('/');
    expect(response).toMatchObject({ status: 201, body: 'got hällo' });
    expect(response.headers.get('x-seen')).toBe('yes');
    expect(requests.at(-1)).toEqual({ method: 'POST', host: `hooks.inside:${port}`, body: 'hällo' });
  });

  it('does not follow where an answer points', async () => {
    await expect(get('/moved')).resolves.toMatchObject({ status: 302 });
  });

  it('refuses an answer that is too large', async () => {
    await expect(get('/large')).rejects.toThrow(HttpRefused);
  });

  it('says that it cannot be reached: cut off, aborted, closed', async () => {
    await expect(get('/cut')).rejects.toThrow(HttpUnreachable);
    await expect(get('/silent', { signal: AbortSignal.timeout(50) })).rejects.toThrow(HttpUnreachable);
    const closed = guardedHttpClient({ allow: ['127.0.0.1'] });
    const request = { method: 'GET', url: 'http://127.0.0.1:1/', signal: signal() };
    await expect(closed.request(request)).rejects.toThrow(/no answer \(ECONNREFUSED\)/);
  });
});
