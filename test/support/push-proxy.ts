/** Stands between the Pub/Sub emulator, which sends no token, and the functions, which take no push without one. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

const KEY_ID = 'push-proxy';
const TOKEN_LIFETIME_SECONDS = 300;
const FORWARD_TIMEOUT_MS = 120_000;

export type Claims = {
  readonly iss?: string;
  readonly aud?: string;
  readonly email?: string;
  readonly email_verified?: boolean;
  /** Seconds since the epoch. */
  readonly exp?: number;
};

export type PushProxy = {
  /** `http://127.0.0.1:<port>`; a push to `<url><path>` goes on to the function of that path. */
  readonly url: string;
  readonly issuer: string;
  readonly jwksUrl: string;
  /** A token with the proxy's own claims, or others in their place. */
  sign(claims?: Claims): Promise<string>;
  /** Adds or replaces where pushes to a path go. */
  route(path: string, functionUrl: string): void;
  stop(): Promise<void>;
};

/** Starts the proxy. It signs everything that it forwards as `email`, for `audience`, with a key of its own. */
export async function startPushProxy(options: {
  routes: { readonly [path: string]: string };
  audience: string;
  email: string;
}): Promise<PushProxy> {
  const routes = new Map(Object.entries(options.routes));
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const jwks = JSON.stringify({
    keys: [{ ...(await exportJWK(publicKey)), kid: KEY_ID, alg: 'RS256', use: 'sig' }],
  });

  const sign = (claims: Claims = {}): Promise<string> => {
    const now = Math.floor(Date.now() / 1000);
    const own = { iss: url, aud: options.audience, email: options.email, email_verified: true };
    return new SignJWT({ ...own, iat: now, exp: now + TOKEN_LIFETIME_SECONDS, ...claims })
      .setProtectedHeader({ alg: 'RS256', kid: KEY_ID })
      .sign(privateKey);
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = new URL(request.url ?? '/', url).pathname;
    if (path === '/jwks') {
      response.writeHead(200, { 'content-type': 'application/json' }).end(jwks);
      return;
    }
    const target = routes.get(path);
    if (target === undefined) {
      response.writeHead(404).end();
      return;
    }
    const answered = await fetch(target, {
      method: request.method ?? 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${await sign()}` },
      body: await bodyOf(request),
      signal: AbortSignal.timeout(FORWARD_TIMEOUT_MS),
    });
    await answered.arrayBuffer();
    response.writeHead(answered.status).end();
  };

  const server = createServer((request, response) => {
    answer(request, response).catch(() => {
      // The function is not there, or was killed: for Pub/Sub, a gateway's error.
      if (!response.headersSent) response.writeHead(502);
      response.end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the push proxy has no port');
  const url = `http://127.0.0.1:${address.port}`;

  return {
    url,
    issuer: url,
    jwksUrl: `${url}/jwks`,
    sign,
    route(path, functionUrl) {
      routes.set(path, functionUrl);
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}
