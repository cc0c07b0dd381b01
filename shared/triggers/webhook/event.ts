/** A call of a webhook that pipelines declare themselves. */
import { z } from 'zod';
import { attributeFields, common, shortName } from '../event-fields.ts';

export const webhookCalled = z.object({
  ...common,
  type: z.literal('webhook-called'),
  source: z.literal('webhook'),
  call: z.object({
    path: shortName,
    /** Tells how the sender was verified: only triggers that verify in the same way may take it. */
    verification: shortName,
    data: z.json(),
    /** Names in lower case; without those that may carry secrets. */
    headers: attributeFields,
    /** The sender gives its calls no id: a redelivery is told by the image's digest alone. */
    isRepeatable: z.literal(true).optional(),
  }),
});
export type WebhookCalled = z.output<typeof webhookCalled>;
