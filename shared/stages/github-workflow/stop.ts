/** Cancels the run, also one that appears only now, and waits until it is at rest. */
import type { Input, Outcome } from '../../core/run.ts';
import type { StageContext } from '../kind.ts';
import { lookLater, throughTrouble } from '../remote.ts';
import { githubActions } from './client.ts';
import type { GithubWorkflowCursor, GithubWorkflowParameters } from './schema.ts';

const EVERY_MS = 5_000;
/** How long the run of a lost worker's dispatch is looked for, in ms. */
const PERHAPS_MS = 60_000;

export async function stop(
  parameters: GithubWorkflowParameters,
  at: { cursor: GithubWorkflowCursor | undefined; input: Input },
  context: StageContext,
): Promise<Outcome<GithubWorkflowCursor, null>> {
  const client = githubActions(parameters, context);
  const later = (cursor: GithubWorkflowCursor): Outcome<GithubWorkflowCursor, null> =>
    lookLater(cursor, context, { text: `${parameters.workflow} is being cancelled at GitHub`, everyMs: EVERY_MS });
  const work = async (): Promise<Outcome<GithubWorkflowCursor, null>> => {
    const { cursor } = at;
    const now = context.clock.now();
    const run = cursor?.is === 'running' ? await client.run(cursor.run) : await client.find();
    if (run === undefined) {
      if (cursor?.is === 'appearing' && now >= cursor.until) return { is: 'succeeded', outputs: null };
      return later(cursor ?? { version: 1, is: 'appearing', until: now + PERHAPS_MS, isSent: false });
    }
    if (run.status === 'completed') return { is: 'succeeded', outputs: null };
    if (context.mayWrite()) await client.cancel(run.id);
    return later({ version: 1, is: 'running', run: run.id });
  };
  return throughTrouble(work, at.cursor, context, EVERY_MS);
}
