/** Lets the next delivery in. What was applied stays: the controllers finish it, and the next delivery replaces it. */
import type { Input, Outcome } from '../../core/run.ts';
import type { StageContext } from '../kind.ts';
import type { DeployCursor, DeployParameters } from './schema.ts';
import { giveLockBack } from './step.ts';

export async function stop(
  _parameters: DeployParameters,
  _at: { cursor: DeployCursor | undefined; input: Input },
  context: StageContext,
): Promise<Outcome<DeployCursor, null>> {
  await giveLockBack(context);
  return { is: 'succeeded', outputs: null };
}
