/** `gennaker cancel`: asks an execution to stop. */
import { hasEnded } from '../../shared/use-cases/describe-execution.ts';
import { type Context, currentUser } from '../context.ts';
import { CommandFailure } from '../failure.ts';
import { shortId } from '../text.ts';

export async function cancel(context: Context, id: string, options: { reason?: string }): Promise<void> {
  const api = await context.api();
  const before = await api.execution(id);
  if (hasEnded(before.status)) {
    throw new CommandFailure(
      `${before.pipeline} ${shortId(before.id)} cannot be cancelled: it has already ended (${before.status}).`,
    );
  }
  await api.cancel(before.id, { by: currentUser(), reason: options.reason });
  const after = await api.execution(before.id);
  const short = shortId(after.id);
  context.result(after, () =>
    hasEnded(after.status)
      ? [`${after.pipeline} ${short} is ${after.status}.`]
      : [
          `${after.pipeline} ${short} is being stopped: what it has begun is brought to rest first.`,
          '',
          `Follow it:  gennaker watch ${short}`,
        ],
  );
}
