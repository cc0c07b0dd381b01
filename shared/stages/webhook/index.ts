/** The stage kind `webhook`. */
import { checkedDurationMs } from '../../pipeline/duration.ts';
import type { StageKind } from '../kind.ts';
import {
  type WebhookCursor,
  type WebhookOutputs,
  type WebhookParameters,
  webhookCursor,
  webhookOutputs,
  webhookParameters,
} from './schema.ts';
import { step } from './step.ts';
import { stop } from './stop.ts';

export const webhook: StageKind<WebhookParameters, WebhookCursor, WebhookOutputs> = {
  kind: 'webhook',
  description: 'Sends an HTTP request, and follows what it started to its end where that is asked for.',
  target: 'none',
  with: webhookParameters,
  cursor: webhookCursor,
  outputs: webhookOutputs,
  longestMs: ({ poll, 'wait-for-callback': isCalledBack, 'callback-within': within }) => {
    if (poll !== undefined) return checkedDurationMs(poll.within);
    return isCalledBack ? checkedDurationMs(within) : 0;
  },
  step,
  stop,
};
