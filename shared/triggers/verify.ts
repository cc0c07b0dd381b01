/** The ways in which senders prove who they are; each compares in constant time. */
import { createHmac } from 'node:crypto';
import { type SourceRequest, sameSecret, type Verified } from './source.ts';

type Verify = (request: SourceRequest, secret: string | undefined) => Verified;

function withSecret(source: string, verify: (request: SourceRequest, secret: string) => Verified): Verify {
  return (request, secret) =>
    secret === undefined || secret === ''
      ? { refused: `no secret is configured for ${source}, so nothing from it is taken` }
      : verify(request, secret);
}

/** A header that carries the secret, after the prefix. */
export function byHeader(source: string, header: string, prefix = ''): Verify {
  const wanted = prefix === '' ? 'the secret' : `"${prefix.trim()}" and the secret`;
  return withSecret(source, (request, secret) => {
    const given = request.headers[header.toLowerCase()];
    if (given === undefined) return { refused: `the ${header} header is missing; it must be ${wanted}` };
    return sameSecret(given, `${prefix}${secret}`) ? 'ok' : { refused: `the ${header} header is not ${wanted}` };
  });
}

/** A header with the HMAC-SHA256 of the body, in hexadecimal digits after the prefix. */
export function bySignature(source: string, header: string, prefix: string): Verify {
  return withSecret(source, (request, secret) => {
    const given = request.headers[header.toLowerCase()];
    if (given === undefined) return { refused: `the ${header} header is missing; give the webhook its secret` };
    const expected = `${prefix}${createHmac('sha256', secret).update(request.rawBody).digest('hex')}`;
    return sameSecret(given, expected) ? 'ok' : { refused: `the ${header} header does not fit the body` };
  });
}

/** The end of the URL, for senders that can prove nothing else. */
export function byPath(source: string): Verify {
  return withSecret(source, (request, secret) => {
    if (request.pathSecret === '') return { refused: `the URL ends without the secret; it is /hooks/${source}/SECRET` };
    return sameSecret(request.pathSecret, secret) ? 'ok' : { refused: 'the URL does not end in the secret' };
  });
}
