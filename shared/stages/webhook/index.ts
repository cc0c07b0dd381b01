/** The stage kind `webhook`. */
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
  description: 'Sends an HTTP request, and waits for a call-back where one is asked for.',
  target: 'none',
  with: webhookParameters,
  cursor: webhookCursor,
  outputs: webhookOutputs,
  step,
  stop,
};
