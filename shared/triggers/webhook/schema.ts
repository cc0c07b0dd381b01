/** `webhook`: a sender that Gennaker has no source for calls a path of the team's own. */
import { z } from 'zod';
import { hasExpression } from '../../pipeline/expressions/text.ts';
import { inputsSchema } from '../../pipeline/inputs.ts';
import { resolved, TEXT } from '../../pipeline/texts.ts';
import { FORMATS, imageProblem, imageSchema } from '../content.ts';
import { celCondition, celText, celValue } from '../event-cel.ts';
import { withInputs } from '../trigger-fields.ts';

export const ALGORITHMS = ['sha1', 'sha256', 'sha512'] as const;
export const ENCODINGS = ['hex', 'base64'] as const;
const MAXIMUM_FIELDS = 50;

const headerName = resolved(/^[A-Za-z0-9-]{1,100}$/, 'the name of a header', 100);

const signatureSchema = z
  .strictObject({
    header: headerName.describe('The header with the signature: x-gitea-signature'),
    algorithm: z.enum(ALGORITHMS).default('sha256').describe('The hash of the HMAC over the body; by default sha256'),
    encoding: z.enum(ENCODINGS).default('hex').describe('How the signature is written; by default hex'),
    prefix: resolved(TEXT, 'text', 50).optional().describe('What stands before it: "sha256=", or "v1=" of a list'),
  })
  .describe('The sender signs its bodies with the secret');

const tokenSchema = z
  .strictObject({
    header: headerName.describe('The header with the secret: authorization'),
    prefix: resolved(TEXT, 'text', 50).optional().describe('What stands before it: "Bearer "'),
  })
  .describe('The sender sends the secret itself in a header');

const webhookFields = z
  .strictObject({
    path: resolved(/^[a-z0-9][a-z0-9-]{0,59}$/, 'lower-case letters, digits and "-"', 60).describe(
      'It is called at /hooks/webhook/PATH',
    ),
    secret: resolved(/^[a-z0-9][a-z0-9-]{0,99}$/, 'the name of a secret', 100).describe(
      'The name of the secret that the sender knows; without signature and token, /hooks/webhook/PATH/SECRET is called',
    ),
    signature: signatureSchema.optional(),
    token: tokenSchema.optional(),
    delivery: celText
      .optional()
      .describe('CEL that gives the id of a delivery, the same when it is repeated: headers["x-gitea-delivery"]'),
    format: z.enum(FORMATS).exclude(['text']).default('json').describe('What the body is; by default json'),
    schema: inputsSchema.optional().describe('What the data must hold, declared as inputs are; more may be in it'),
    where: celCondition.optional().describe('CEL over data and headers that must be true: data.event == "pushed"'),
    fields: z
      .record(
        z.string().regex(/^[a-z][a-zA-Z0-9]{0,62}$/, { error: 'must be a letter, then letters and digits' }),
        celValue,
      )
      .refine((all) => Object.keys(all).length <= MAXIMUM_FIELDS, `has more than ${MAXIMUM_FIELDS} entries`)
      .optional()
      .describe(`Values picked out of the data by CEL, for \${{ trigger.fields.NAME }}`),
    image: imageSchema.optional(),
  })
  .check((context) => {
    const { signature, token, format, image } = context.value;
    const tell = (path: string, message: string) =>
      context.issues.push({ code: 'custom', input: context.value, continue: true, message, path: [path] });
    if (signature !== undefined && token !== undefined) tell('token', 'stands beside signature; give one of the two');
    const message = imageProblem(format, image);
    if (message !== undefined) tell('image', message);
  });

export const webhookTriggerSchema = z.strictObject({
  webhook: webhookFields.describe('A webhook of your own is called'),
  ...withInputs,
});
export type WebhookTrigger = z.output<typeof webhookTriggerSchema>;
export type WebhookFields = WebhookTrigger['webhook'];

/** How the sender is verified and its deliveries are told apart: calls are shared by triggers that agree in this. */
export function verificationText(fields: WebhookFields): string | undefined {
  const { path, secret, signature = null, token = null, delivery = null } = fields;
  const text = JSON.stringify({ path, secret, signature, token, delivery });
  return hasExpression(text) ? undefined : text;
}
