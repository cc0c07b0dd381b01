/** Dispatches a workflow once for each attempt, finds its run by the key in its name, and follows it to its end. */
import type { Input, Outcome } from '../../core/run.ts';
import { checkedDurationMs } from '../../pipeline/duration.ts';
import type { StageContext } from '../kind.ts';
import { fencedOff, lookLater, RemoteTrouble, throughTrouble } from '../remote.ts';
import { githubActions } from './client.ts';
import type { GithubWorkflowCursor, GithubWorkflowOutputs, GithubWorkflowParameters } from './schema.ts';

/** How long a run may take to appear after its dispatch. */
const APPEARS_WITHIN_MS = 5 * 60_000;
/** How long a run of a dispatch of which nobody knows whether it was taken may take to appear, before it is sent again. */
const PERHAPS_WITHIN_MS = 2 * 60_000;
const LOOK_MS = 5_000;

type Result = Outcome<GithubWorkflowCursor, GithubWorkflowOutputs>;
type Client = ReturnType<typeof githubActions>;

export async function step(
  parameters: GithubWorkflowParameters,
  at: { cursor: GithubWorkflowCursor | undefined; input: Input },
  context: StageContext,
): Promise<Result> {
  const client = githubActions(parameters, context);
  const everyMs = checkedDurationMs(parameters.every);
  const { cursor } = at;
  const work = async (): Promise<Result> => {
    if (cursor?.is === 'running') return follow(parameters, client, cursor.run, context, everyMs);
    const found = await client.find();
    if (found !== undefined) return follow(parameters, client, found.id, context, everyMs);
    if (cursor?.isSent === true && context.clock.now() >= cursor.until) return neverAppeared(parameters);
    const mayBeSent = cursor?.isSent === true || context.tries > 1;
    if (cursor !== undefined && (cursor.isSent || context.clock.now() < cursor.until)) {
      return appearing(parameters, cursor, context);
    }
    // GitHub takes no idempotency key: after a worker that may have dispatched, its run is waited for first.
    if (mayBeSent) {
      const until = context.clock.now() + PERHAPS_WITHIN_MS;
      return appearing(parameters, { version: 1, is: 'appearing', until, isSent: false }, context);
    }
    return dispatch(parameters, client, context);
  };
  return throughTrouble(work, cursor, context, everyMs);
}

async function dispatch(parameters: GithubWorkflowParameters, client: Client, context: StageContext): Promise<Result> {
  if (!context.mayWrite()) return fencedOff(`The workflow ${parameters.workflow}`);
  let isSent = true;
  try {
    await client.dispatch();
  } catch (error) {
    if (!(error instanceof RemoteTrouble)) throw error;
    isSent = false;
  }
  const until = context.clock.now() + (isSent ? APPEARS_WITHIN_MS : PERHAPS_WITHIN_MS);
  return appearing(parameters, { version: 1, is: 'appearing', until, isSent }, context);
}

function appearing(
  { repository, workflow }: GithubWorkflowParameters,
  cursor: GithubWorkflowCursor,
  context: StageContext,
): Result {
  const text = `${workflow} of ${repository} was dispatched; its run has not appeared yet`;
  return lookLater(cursor, context, { text, everyMs: LOOK_MS });
}

function neverAppeared(parameters: GithubWorkflowParameters): Result {
  const { workflow, repository, 'key-input': key } = parameters;
  const hint = `its run-name has to show the input ${key}: run-name: "release \${{ inputs.${key} }}"`;
  const text = `No run of ${workflow} of ${repository} has the key of this stage in its name; ${hint}`;
  return { is: 'failed', reason: { code: 'remote-refused', text }, then: 'giveUp' };
}

async function follow(
  { workflow, repository }: GithubWorkflowParameters,
  client: Client,
  id: number,
  context: StageContext,
  everyMs: number,
): Promise<Result> {
  const { status, conclusion, html_url: url } = await client.run(id);
  if (status !== 'completed') {
    const cursor: GithubWorkflowCursor = { version: 1, is: 'running', run: id };
    const text = `${workflow} of ${repository} is ${(status ?? 'under way').replaceAll('_', ' ')} at GitHub: ${url}`;
    return lookLater(cursor, context, { text, everyMs });
  }
  if (conclusion === 'success') return { is: 'succeeded', outputs: { run: id, url, conclusion } };
  const text = `${workflow} of ${repository} ended ${(conclusion ?? 'without a conclusion').replaceAll('_', ' ')}: ${url}`;
  return { is: 'failed', reason: { code: 'remote-refused', text }, then: 'newAttempt' };
}
