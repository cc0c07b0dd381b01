/** A stage kind of one's own: opens a ticket for a change in the company's ticket system, and waits until it is approved. */
import {
  checkedDurationMs,
  duration,
  HttpUnreachable,
  type Input,
  type Outcome,
  type StageContext,
  type StageKind,
  TerminalError,
  z,
} from 'gennaker/stage-kind';

const POLL_MS = 15_000;

const parameters = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).describe('Where the ticket system is; the admins say which hosts are allowed'),
  title: z.string().min(1).max(200).describe('The title of the ticket'),
  within: duration().default('8h').describe('How long the approval may take'),
});
type Parameters = z.output<typeof parameters>;

const cursor = z.strictObject({
  /** Written into every cursor, so that a later release of this kind can tell what an earlier one has left. */
  version: z.literal(1),
  /** Epoch ms until which the approval may come. */
  until: z.int(),
});
type Cursor = z.output<typeof cursor>;

const outputs = z.strictObject({
  ticket: z.string().describe('The id of the ticket'),
  approver: z.string().describe('Who approved it'),
});
type Outputs = z.output<typeof outputs>;

/** What the ticket system answers; it may know more than we read. */
const ticketState = z.object({ state: z.enum(['open', 'approved', 'rejected']), by: z.string().optional() });

type At = { cursor: Cursor | undefined; input: Input };

async function step(given: Parameters, at: At, context: StageContext): Promise<Outcome<Cursor, Outputs>> {
  const ticket = ticketOf(context);
  try {
    if (at.cursor === undefined) {
      // The id is ours, so that a second try finds the ticket of the first instead of opening another.
      await send('PUT', given, context, { title: given.title, pipeline: context.pipeline });
      const until = context.clock.now() + checkedDurationMs(given.within);
      return { is: 'again', cursor: { version: 1, until } };
    }
    const { state, by = 'unknown' } = ticketState.parse(JSON.parse(await send('GET', given, context)));
    if (state === 'approved') return { is: 'succeeded', outputs: { ticket, approver: by } };
    if (state === 'rejected') throw new TerminalError(`The ticket ${ticket} was rejected by ${by}.`);
    return waitForApproval(given, at.cursor, context);
  } catch (error) {
    if (!(error instanceof HttpUnreachable)) throw error;
    return { is: 'failed', reason: { code: 'remote-unreachable', text: error.message }, then: 'sameStep' };
  }
}

function waitForApproval(given: Parameters, at: Cursor, context: StageContext): Outcome<Cursor, Outputs> {
  const now = context.clock.now();
  const ticket = ticketOf(context);
  if (now >= at.until) {
    const text = `Nobody approved the ticket ${ticket} within ${given.within}.`;
    return { is: 'failed', reason: { code: 'signal-not-received', text }, then: 'giveUp' };
  }
  return {
    is: 'waiting',
    for: { until: Math.min(now + POLL_MS, at.until) },
    cursor: at,
    reason: {
      code: 'remote-in-progress',
      text: `The ticket ${ticket} waits for an approval.`,
      unblock: `gennaker cancel ${context.execution}`,
    },
  };
}

/** Whether or not a ticket was opened: a worker may have been lost before it said so. */
async function stop(given: Parameters, _at: At, context: StageContext): Promise<Outcome<Cursor, null>> {
  await send('DELETE', given, context);
  return { is: 'succeeded', outputs: null };
}

function ticketOf({ execution, stage, attempt }: StageContext): string {
  return `${execution}-${stage}-${attempt}`;
}

async function send(
  method: 'GET' | 'PUT' | 'DELETE',
  given: Parameters,
  context: StageContext,
  body?: object,
): Promise<string> {
  const url = `${given.url.replace(/\/+$/, '')}/changes/${encodeURIComponent(ticketOf(context))}`;
  if (!context.mayWrite())
    throw new HttpUnreachable(`${method} ${url} was not sent: this worker no longer holds the step`);
  const { status, body: answer } = await context.http.request({
    method,
    url,
    headers: { 'content-type': 'application/json', 'idempotency-key': context.key },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: context.signal,
  });
  const isDone = (status >= 200 && status <= 299) || (method === 'DELETE' && status === 404);
  if (isDone) return answer;
  if (status >= 500) throw new HttpUnreachable(`${method} ${url} answered ${status}`);
  throw new TerminalError(`${method} ${url} answered ${status}.`);
}

export const changeTicket: StageKind<Parameters, Cursor, Outputs> = {
  kind: 'change-ticket',
  description: 'Opens a ticket for a change and waits until it is approved.',
  target: 'none',
  with: parameters,
  cursor,
  outputs,
  step,
  stop,
};

export const stageKinds = [changeTicket];
