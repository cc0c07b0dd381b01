import { expect, it } from 'vitest';
import { MAXIMUM_DATA_CHARACTERS } from '../event-fields.ts';
import { BadPayload } from '../source.ts';
import { pubsub, userSubscription } from './source.ts';

it.each([
  ['projects/acme/subscriptions/gennaker-pubsub-releases', 'releases'],
  ['gennaker-receive-message-pubsub-my-pubsub-topic', 'my-pubsub-topic'],
  ['pubsub-releases', 'releases'],
  ['projects/pubsub-acme/subscriptions/gennaker-cloud-build', undefined],
  ['gennaker-artifact-registry', undefined],
  ['gennaker-pubsub-', undefined],
])('the subscription %s is called %s in pipelines', (subscription, name) => {
  expect(userSubscription(subscription)).toBe(name);
});

it('a message that is too large is refused', () => {
  const data = 'x'.repeat(MAXIMUM_DATA_CHARACTERS + 1);
  const message = { messageId: '1', data, attributes: {}, subscription: 'gennaker-pubsub-releases' };
  expect(() => pubsub.parse({ message, at: 0 })).toThrow(BadPayload);
});
