/** `gennaker approve` and `gennaker reject`: a person's decision on a stage that waits for one. */
import type { ExecutionDetail } from '../../shared/use-cases/describe-execution.ts';
import { hasEnded, isUnderWay } from '../../shared/use-cases/describe-execution.ts';
import type { Context } from '../context.ts';
import { CommandFailure, UsageError } from '../failure.ts';
import { shortId } from '../text.ts';

/** The kind whose stages people decide. */
const APPROVE = 'approve';

export type DecideOptions = { readonly choice?: string; readonly reason?: string; readonly plan?: string };

export async function decide(
  context: Context,
  decision: 'approve' | 'reject',
  id: string,
  stage: string | undefined,
  options: DecideOptions,
): Promise<void> {
  const api = await context.api();
  const before = await api.execution(id);
  const chosen = stage ?? undecided(before, decision);
  const { choice, reason, plan } = options;
  const taken = await api.decide(before.id, chosen, decision, { choice, reason, plan });
  const short = shortId(before.id);
  const done = decision === 'approve' ? 'approved' : 'rejected';
  context.result(taken, () => [
    `${taken.person} ${done} ${chosen} of ${before.pipeline} ${short}${choice === undefined ? '' : ` with ${choice}`}.`,
    '',
    `Follow it:  gennaker watch ${short}`,
  ]);
}

/** The one stage that waits for people. Throws where there is none, or more than one. */
function undecided(detail: ExecutionDetail, decision: string): string {
  const stages = detail.stages.filter(({ kind, status }) => kind === APPROVE && isUnderWay(status));
  const [only, ...others] = stages;
  const name = `${detail.pipeline} ${shortId(detail.id)}`;
  if (only === undefined) {
    const why = hasEnded(detail.status)
      ? `it has already ended (${detail.status})`
      : 'none of its stages asks for it now';
    throw new CommandFailure(`${name} cannot be decided: ${why}.`);
  }
  if (others.length > 0) {
    const commands = stages.map(({ id }) => `  gennaker ${decision} ${shortId(detail.id)} ${id}`).join('\n');
    throw new UsageError(`${name} waits for more than one decision; name the stage:\n${commands}`);
  }
  return only.id;
}
