import { once } from 'node:events';
import { createServer } from 'node:http';
import { http } from '@google-cloud/functions-framework';
import { getTestServer } from '@google-cloud/functions-framework/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Answer, Delivery } from '../shared/ports/bus.ts';
import type { LogFields } from '../shared/ports/log.ts';
import { type Claims, type PushProxy, startPushProxy } from '../test/support/push-proxy.ts';
import { pushEndpoint, verifyOidc } from './push.ts';

const AUDIENCE = 'gennaker';
const EMAIL = 'pusher@acme.iam.gserviceaccount.com';
const MAXIMUM_BODY_BYTES = 1_000;
const NAME = 'push-under-test';

let now = Date.now();
let sender: PushProxy;
let url: string;
let stop: () => Promise<void>;
let handle: (delivery: Delivery) => Promise<Answer>;
const deliveries: Delivery[] = [];
const logged: { message: string; fields: LogFields | undefined }[] = [];

const clock = { now: () => now, after: () => () => {} };
const log = {
  write: (_severity: string, message: string, fields?: LogFields) => {
    logged.push({ message, fields });
  },
};

/** A port on which nothing listens. */
async function deadUrl(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${address === null || typeof address === 'string' ? 0 : address.port}`;
}

beforeAll(async () => {
  sender = await startPushProxy({ routes: {}, audience: AUDIENCE, email: EMAIL });
  const gone = await deadUrl();
  const issuers = [{ issuer: 'https://unreachable.example', jwksUrl: `${gone}/jwks` }, sender];
  const verify = verifyOidc({ issuers, audience: AUDIENCE, emails: [EMAIL], clock });
  http(
    NAME,
    pushEndpoint({
      handle: (delivery) => handle(delivery),
      verify,
      log,
      limits: { maximumBodyBytes: MAXIMUM_BODY_BYTES },
    }),
  );
  const server = getTestServer(NAME).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  url = `http://127.0.0.1:${address === null || typeof address === 'string' ? 0 : address.port}`;
  stop = async () => {
    server.closeAllConnections();
    server.close();
    await sender.stop();
  };
});
afterAll(() => stop());
beforeEach(() => {
  now = Date.now();
  deliveries.length = 0;
  logged.length = 0;
  handle = async (delivery) => {
    deliveries.push(delivery);
    return 'done';
  };
});

const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64');
const envelope = (message: object) => JSON.stringify({ message, subscription: 'projects/acme/subscriptions/work' });
const valid = envelope({ data: base64('{"了解":"✓"}'), attributes: { a: 'b' }, messageId: '7', publishTime: 'now' });

async function push(body: string, options: { method?: string; token?: string | null } = {}): Promise<Response> {
  const { method = 'POST', token = await sender.sign() } = options;
  return fetch(url, {
    method,
    headers: { 'content-type': 'application/json', ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
    ...(method === 'GET' ? {} : { body }),
  });
}

describe('a push', () => {
  it('reaches the handler as it was published, and is acknowledged once done', async () => {
    const response = await push(valid);
    expect(response.status).toBe(204);
    expect(deliveries).toEqual([
      {
        data: '{"了解":"✓"}',
        attributes: { a: 'b' },
        messageId: '7',
        subscription: 'projects/acme/subscriptions/work',
      },
    ]);
  });

  it('may have attributes only, and its id in either spelling', async () => {
    expect((await push(envelope({ attributes: { a: 'b' }, message_id: '8' }))).status).toBe(204);
    expect((await push(envelope({ data: '', messageId: '9' }))).status).toBe(204);
    expect(deliveries).toMatchObject([
      { data: '', attributes: { a: 'b' }, messageId: '8' },
      { data: '', attributes: {}, messageId: '9' },
    ]);
  });

  it('comes again when the handler says later', async () => {
    handle = async () => 'later';
    expect((await push(valid)).status).toBe(503);
  });

  it('comes again when the handler fails, which only the log hears of', async () => {
    const failure = new Error('the password was hunter2', { cause: new Error('no route to host') });
    handle = async () => {
      throw failure;
    };
    const response = await push(valid);
    expect([response.status, await response.text()]).toEqual([503, '']);
    expect(logged).toMatchObject([
      {
        message: 'A push is left for a later delivery: its handler failed',
        fields: { messageId: '7', error: failure },
      },
    ]);
  });

  it.each([
    ['no JSON', '{'],
    ['a list', '[]'],
    ['no message', JSON.stringify({ subscription: 's' })],
    ['no subscription', JSON.stringify({ message: { messageId: '1' } })],
    ['no id', envelope({ data: base64('x') })],
    ['data that is not base64', envelope({ data: '{"a":1}', messageId: '1' })],
    ['an attribute that is not text', envelope({ attributes: { a: 1 }, messageId: '1' })],
  ])('with %s is refused as a bad request', async (_, body) => {
    expect((await push(body)).status).toBe(400);
    expect(deliveries).toEqual([]);
  });

  it('over the limit is refused as too large', async () => {
    const response = await push(envelope({ data: base64('x'.repeat(MAXIMUM_BODY_BYTES)), messageId: '1' }));
    expect(response.status).toBe(413);
    expect(logged).toMatchObject([{ fields: { maximumBytes: MAXIMUM_BODY_BYTES } }]);
  });

  it.each(['GET', 'PUT'])('by %s is refused', async (method) => {
    const response = await push(valid, { method });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
  });
});

describe('a sender', () => {
  const inAnHour = () => Math.floor(now / 1000) + 3600;
  it.each<[string, () => Claims]>([
    ['for another audience', () => ({ aud: 'somebody-else' })],
    ['that nobody allowed', () => ({ email: 'intruder@acme.iam.gserviceaccount.com' })],
    ['whose address is not verified', () => ({ email_verified: false })],
    ['of an unknown issuer', () => ({ iss: 'https://issuer.example' })],
    ['whose token has expired', () => ({ exp: Math.floor(now / 1000) - 3600 })],
  ])('%s is refused, and the log says so', async (_, claims) => {
    const response = await push(valid, { token: await sender.sign(claims()) });
    expect([response.status, await response.text()]).toEqual([401, '']);
    expect(deliveries).toEqual([]);
    expect(logged).toMatchObject([{ message: 'A push was refused: its sender is not verified' }]);
  });

  it('without a token is refused', async () => {
    expect((await push(valid, { token: null })).status).toBe(401);
    expect((await push(valid, { token: 'a.b.c' })).status).toBe(401);
    expect((await push(valid, { token: 'nonsense' })).status).toBe(401);
  });

  it('that signs with another key is refused', async () => {
    const forger = await startPushProxy({ routes: {}, audience: AUDIENCE, email: EMAIL });
    const response = await push(valid, { token: await forger.sign({ iss: sender.issuer }) });
    expect(response.status).toBe(401);
    await forger.stop();
  });

  it('that changes what was signed is refused', async () => {
    const [header = '', , signature = ''] = (await sender.sign()).split('.');
    const claims = { iss: sender.issuer, aud: AUDIENCE, email: EMAIL, email_verified: true, exp: inAnHour() };
    const forged = Buffer.from(JSON.stringify(claims)).toString('base64url');
    expect((await push(valid, { token: `${header}.${forged}.${signature}` })).status).toBe(401);
  });

  it('that signs nothing is refused', async () => {
    const header = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
    const claims = { iss: sender.issuer, aud: AUDIENCE, email: EMAIL, email_verified: true, exp: inAnHour() };
    const token = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.AA`;
    expect((await push(valid, { token })).status).toBe(401);
  });

  it('is refused once its token has run out by the clock of the product', async () => {
    const token = await sender.sign();
    now += 3_600_000;
    expect((await push(valid, { token })).status).toBe(401);
  });

  it('whose keys cannot be fetched now is asked to come again', async () => {
    const token = await sender.sign({ iss: 'https://unreachable.example' });
    expect((await push(valid, { token })).status).toBe(503);
    expect(deliveries).toEqual([]);
  });
});
