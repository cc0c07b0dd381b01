/** A request that was sent is taken back by the cancel call where there is one; one that was not sent is never sent after a stop. */
import type { Input, Outcome } from '../../core/run.ts';
import { HttpRefused, HttpUnreachable } from '../http-client.ts';
import type { StageContext } from '../kind.ts';
import { describeRequest, send } from './request.ts';
import type { WebhookCursor, WebhookParameters } from './schema.ts';

/** What says that there is nothing left to cancel. */
const GONE: ReadonlySet<number> = new Set([404, 409, 410]);

export async function stop(
  parameters: WebhookParameters,
  at: { cursor: WebhookCursor | undefined; input: Input },
  context: StageContext,
): Promise<Outcome<WebhookCursor, null>> {
  const { cancel } = parameters;
  const url =
    at.cursor === undefined
      ? perhapsAt(parameters, context)
      : 'cancelUrl' in at.cursor
        ? at.cursor.cancelUrl
        : undefined;
  if (cancel === undefined || url === undefined) return { is: 'succeeded', outputs: null };
  const { method, body } = cancel;
  const place = describeRequest({ method, url });
  if (!context.mayWrite()) {
    const text = `${place} was not sent: this worker no longer holds the step`;
    return { is: 'failed', reason: { code: 'fenced-off', text }, then: 'sameStep' };
  }
  try {
    const sending = { ...parameters, method, url, body, tells: false, 'wait-for-callback': false };
    const { status } = await send(sending, context.key, context);
    if ((status >= 200 && status <= 299) || GONE.has(status)) return { is: 'succeeded', outputs: null };
    const then = status >= 500 || status === 429 ? 'sameStep' : 'giveUp';
    return { is: 'failed', reason: { code: 'remote-refused', text: `${place} answered ${status}` }, then };
  } catch (error) {
    if (error instanceof HttpUnreachable) {
      return { is: 'failed', reason: { code: 'remote-unreachable', text: error.message }, then: 'sameStep' };
    }
    if (!(error instanceof HttpRefused)) throw error;
    return { is: 'failed', reason: { code: 'remote-refused', text: error.message }, then: 'giveUp' };
  }
}

/** Where a request is taken back of which nobody heard what it did; an address that its answer told is not known. */
function perhapsAt({ cancel, url }: WebhookParameters, { mayHaveActed }: StageContext): string | undefined {
  if (mayHaveActed !== true || cancel === undefined || cancel['url-from'] !== undefined) return undefined;
  return cancel.url ?? url;
}
