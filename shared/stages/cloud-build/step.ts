/** Starts one build for each attempt and follows it to its end. */
import type { Input, Outcome } from '../../core/run.ts';
import { checkedDurationMs } from '../../pipeline/duration.ts';
import type { StageContext } from '../kind.ts';
import { fencedOff, lookLater, RemoteTrouble, throughTrouble } from '../remote.ts';
import { type CloudBuild, cloudBuildClient, isRunning } from './client.ts';
import type { CloudBuildCursor, CloudBuildOutputs, CloudBuildParameters } from './schema.ts';

/** How long a build of which nobody knows whether it was started is looked for before it is started again. */
const PERHAPS_WITHIN_MS = 60_000;
const LOOK_MS = 5_000;

type Result = Outcome<CloudBuildCursor, CloudBuildOutputs>;

export async function step(
  parameters: CloudBuildParameters,
  at: { cursor: CloudBuildCursor | undefined; input: Input },
  context: StageContext,
): Promise<Result> {
  const client = cloudBuildClient(parameters, context);
  const everyMs = checkedDurationMs(parameters.every);
  const { cursor } = at;
  const perhapsStarted = (until: number): Result => {
    const text = `Whether the build in ${parameters.project} was started is not known yet`;
    return lookLater({ version: 1, is: 'perhaps-started', until }, context, { text, everyMs: LOOK_MS });
  };
  const work = async (): Promise<Result> => {
    if (cursor?.is === 'running') return judge(parameters, await client.get(cursor.build), context, everyMs);
    const found = await client.find();
    if (found !== undefined) return judge(parameters, found, context, everyMs);
    const now = context.clock.now();
    if (cursor !== undefined && now < cursor.until) return perhapsStarted(cursor.until);
    // Cloud Build takes no idempotency key, and its list may be a moment behind.
    if (context.tries > 1) return perhapsStarted(now + PERHAPS_WITHIN_MS);
    if (!context.mayWrite()) return fencedOff(`The build in ${parameters.project}`);
    try {
      return judge(parameters, await client.start(), context, everyMs);
    } catch (error) {
      if (error instanceof RemoteTrouble) return perhapsStarted(now + PERHAPS_WITHIN_MS);
      throw error;
    }
  };
  return throughTrouble(work, cursor, context, everyMs);
}

function judge({ project }: CloudBuildParameters, build: CloudBuild, context: StageContext, everyMs: number): Result {
  const { id, status, statusDetail, logUrl: log, results } = build;
  if (isRunning(build)) {
    const text = `The build ${id} in ${project} is ${status.toLowerCase()}: ${log}`;
    return lookLater({ version: 1, is: 'running', build: id }, context, { text, everyMs });
  }
  if (status === 'SUCCESS') {
    const images = Object.fromEntries(results.images.map(({ name, digest }) => [name, digest]));
    return { is: 'succeeded', outputs: { build: id, log, images } };
  }
  const detail = statusDetail === undefined ? '' : ` (${statusDetail})`;
  const text = `The build ${id} in ${project} ended ${status}${detail}: ${log}`;
  return { is: 'failed', reason: { code: 'remote-refused', text }, then: 'newAttempt' };
}
