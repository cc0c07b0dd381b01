/** The way into every function that a topic or a wake-up calls: checks who sends, parses the push, and answers in its terms. */
import type { Request, Response } from '@google-cloud/functions-framework';
import { createRemoteJWKSet, decodeJwt, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { z } from 'zod';
import type { Answer, Delivery } from '../shared/ports/bus.ts';
import type { Clock } from '../shared/ports/clock.ts';
import type { Log } from '../shared/ports/log.ts';

/** A message of 10 MB, Pub/Sub's largest, in base64 and with what stands around it. */
export const MAXIMUM_PUSH_BYTES = 15_000_000;
const CLOCK_TOLERANCE_SECONDS = 30;
const JWKS_TIMEOUT_MS = 5_000;

/** Who may have signed a token, and where its public keys are. */
export type Issuer = { readonly issuer: string; readonly jwksUrl: string };

export const GOOGLE_ISSUER: Issuer = {
  issuer: 'https://accounts.google.com',
  jwksUrl: 'https://www.googleapis.com/oauth2/v3/certs',
};

/** Resolves to the sender's e-mail address. Throws Unauthenticated, or anything else where that cannot be found out now. */
export type Verify = (authorization: string | undefined) => Promise<string>;

/** The sender did not prove to be one of those that may send. The message says what was wrong, for the log only. */
export class Unauthenticated extends Error {
  override readonly name = 'Unauthenticated';
}

/** Accepts an OIDC bearer token that one of the issuers signed for `audience` and for one of the service accounts `emails`. */
export function verifyOidc(options: {
  readonly issuers?: readonly Issuer[];
  readonly audience: string;
  readonly emails: readonly string[];
  readonly clock: Clock;
}): Verify {
  const { issuers = [GOOGLE_ISSUER], audience, clock } = options;
  const emails = new Set(options.emails);
  const keys = new Map<string, JWTVerifyGetKey>(
    issuers.map(({ issuer, jwksUrl }) => [
      issuer,
      createRemoteJWKSet(new URL(jwksUrl), { timeoutDuration: JWKS_TIMEOUT_MS }),
    ]),
  );
  return async (authorization) => {
    const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) throw new Unauthenticated('no bearer token');
    const issuer = issuerOf(token);
    const key = keys.get(issuer);
    if (key === undefined) throw new Unauthenticated(`issuer ${issuer} is not known`);
    const { email, email_verified: isVerified } = await verified(token, key, {
      issuer,
      audience,
      currentDate: new Date(clock.now()),
    });
    if (typeof email !== 'string' || isVerified !== true) throw new Unauthenticated('no verified e-mail address');
    if (!emails.has(email)) throw new Unauthenticated(`${email} may not send here`);
    return email;
  };
}

/** What the token claims of its issuer, to choose the keys that it is then checked with. */
function issuerOf(token: string): string {
  try {
    return decodeJwt(token).iss ?? 'that is not named';
  } catch (error) {
    throw new Unauthenticated('the bearer token is not a JWT', { cause: error });
  }
}

async function verified(
  token: string,
  key: JWTVerifyGetKey,
  expected: { issuer: string; audience: string; currentDate: Date },
): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, key, {
      ...expected,
      algorithms: ['RS256'],
      requiredClaims: ['exp'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
    });
    return payload;
  } catch (error) {
    if (saysThatTheTokenIsWrong(error)) throw new Unauthenticated(error.message, { cause: error });
    throw new Error(`the keys of ${expected.issuer} could not be fetched`, { cause: error });
  }
}

/** As opposed to keys that could not be fetched, which is no fault of the sender. */
function saysThatTheTokenIsWrong(error: unknown): error is Error {
  return (
    error instanceof errors.JWTClaimValidationFailed ||
    error instanceof errors.JWTExpired ||
    error instanceof errors.JWTInvalid ||
    error instanceof errors.JWSInvalid ||
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JOSEAlgNotAllowed ||
    error instanceof errors.JOSENotSupported ||
    error instanceof errors.JWKSNoMatchingKey
  );
}

const Push = z.object({
  subscription: z.string(),
  message: z
    .object({
      data: z.base64().default(''),
      attributes: z.record(z.string(), z.string()).default({}),
      messageId: z.string().optional(),
      message_id: z.string().optional(),
    })
    .transform(({ message_id, messageId = message_id, ...message }, context) => {
      if (messageId !== undefined) return { ...message, messageId };
      context.addIssue({ code: 'custom', message: 'has no messageId' });
      return z.NEVER;
    }),
});

/** What functions-framework's `http` takes. */
export type Handler = (request: Request, response: Response) => Promise<void>;

export type PushOptions = {
  readonly handle: (delivery: Delivery) => Promise<Answer>;
  readonly verify: Verify;
  readonly log: Log;
  readonly limits?: { readonly maximumBodyBytes: number };
};

/**
 * A handler for functions-framework's `http`. It answers 204 for `done`; 503 for `later`, a failure of the handler or
 * keys that cannot be had, so that the message comes again; 401, 413, 405 and 400 for what is no push of our senders.
 */
export function pushEndpoint(options: PushOptions): Handler {
  const { handle, verify, log, limits = { maximumBodyBytes: MAXIMUM_PUSH_BYTES } } = options;

  const answer = async (request: Request): Promise<number> => {
    if (request.method !== 'POST') return 405;
    const body = request.rawBody ?? Buffer.alloc(0);
    if (body.length > limits.maximumBodyBytes) {
      log.write('WARNING', 'A push was refused: it is too large', {
        bytes: body.length,
        maximumBytes: limits.maximumBodyBytes,
      });
      return 413;
    }
    try {
      await verify(request.headers.authorization);
    } catch (error) {
      if (error instanceof Unauthenticated) {
        log.write('WARNING', 'A push was refused: its sender is not verified', {
          reason: error.message,
          path: request.path,
        });
        return 401;
      }
      log.write('ERROR', 'A push is left for a later delivery: its sender cannot be checked now', { error });
      return 503;
    }
    const delivery = deliveryOf(body);
    if (typeof delivery === 'string') {
      log.write('WARNING', 'A push was refused: it is not what it says', { reason: delivery });
      return 400;
    }
    const { messageId, subscription } = delivery;
    try {
      return (await handle(delivery)) === 'done' ? 204 : 503;
    } catch (error) {
      log.write('ERROR', 'A push is left for a later delivery: its handler failed', {
        messageId,
        subscription,
        error,
      });
      return 503;
    }
  };

  return async (request, response) => {
    const status = await answer(request);
    if (status === 405) response.setHeader('allow', 'POST');
    response.status(status).end();
  };
}

/** The delivery in a push's body, or why there is none. */
function deliveryOf(body: Buffer): Delivery | string {
  let json: unknown;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch {
    return 'the body is not JSON';
  }
  const push = Push.safeParse(json);
  if (!push.success) return z.prettifyError(push.error);
  const { subscription, message } = push.data;
  return {
    data: Buffer.from(message.data, 'base64').toString('utf8'),
    attributes: message.attributes,
    messageId: message.messageId,
    subscription,
  };
}
