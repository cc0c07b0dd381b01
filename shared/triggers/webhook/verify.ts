/** Verifies the caller of a webhook that a pipeline declares, in the way that the pipeline says. */
import { createHash, createHmac } from 'node:crypto';
import { type SourceRequest, sameSecret, type Verified } from '../source.ts';
import { byHeader } from '../verify.ts';
import { verificationText, type WebhookFields } from './schema.ts';

/** Signatures that one header may list: senders send old and new ones while a secret changes. */
const MAXIMUM_SIGNATURES = 10;

/** A short name for the way of verification; undefined where it is not known yet. */
export function verificationOf(fields: WebhookFields): string | undefined {
  const text = verificationText(fields);
  return text === undefined ? undefined : createHash('sha256').update(text).digest('hex').slice(0, 24);
}

/** Decides by the secret alone; `undefined` where none is configured, and then everything is refused. */
export function verifyWebhook(fields: WebhookFields, request: SourceRequest, secret: string | undefined): Verified {
  const { path, signature, token } = fields;
  if (secret === undefined || secret === '') {
    return { refused: `no secret "${fields.secret}" is configured, so nothing for the webhook ${path} is taken` };
  }
  if (signature !== undefined) {
    const { header, algorithm, encoding, prefix = '' } = signature;
    const given = request.headers[header.toLowerCase()];
    if (given === undefined) return { refused: `the ${header} header is missing, which signs the body` };
    const expected = createHmac(algorithm, secret).update(request.rawBody).digest(encoding);
    const all = prefix === '' ? [given.trim()] : given.split(',', MAXIMUM_SIGNATURES).map((part) => part.trim());
    // All are compared, whichever fits.
    const fits = all.map((part) => sameSecret(part, `${prefix}${expected}`)).includes(true);
    return fits ? 'ok' : { refused: `the ${header} header does not fit the body` };
  }
  if (token !== undefined) return byHeader(path, token.header, token.prefix)(request, secret);
  const given = request.pathRest ?? '';
  if (given === '') return { refused: `the URL ends without the secret; it is /hooks/webhook/${path}/SECRET` };
  return sameSecret(given, secret) ? 'ok' : { refused: 'the URL does not end in the secret' };
}
