/** `pubsub`: a message came on a subscription of the user's own. */
import { z } from 'zod';
import { resolved } from '../../pipeline/texts.ts';
import { FORMATS, imageProblem, imageSchema } from '../content.ts';
import { celCondition } from '../event-cel.ts';
import { withInputs } from '../trigger-fields.ts';

/** What stands behind `pubsub-` in a subscription's name. */
export const subscriptionName = resolved(/^[a-z][a-z0-9-]{0,99}$/, 'lower-case letters, digits and "-"', 100);

const pubsubFields = z
  .strictObject({
    subscription: subscriptionName.describe(
      'What the name of the subscription has behind "pubsub-": orders, for gennaker-pubsub-orders',
    ),
    format: z.enum(FORMATS).default('json').describe('What the data of a message is; by default json'),
    where: celCondition.optional().describe('CEL over data and attributes that must be true: data.status == "DONE"'),
    image: imageSchema.optional(),
  })
  .check((context) => {
    const message = imageProblem(context.value.format, context.value.image);
    if (message !== undefined) {
      context.issues.push({ code: 'custom', input: context.value, continue: true, message, path: ['image'] });
    }
  });

export const pubsubTriggerSchema = z.strictObject({
  pubsub: pubsubFields.describe('A message came on a Pub/Sub subscription'),
  ...withInputs,
});
export type PubsubTrigger = z.output<typeof pubsubTriggerSchema>;
