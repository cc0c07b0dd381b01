/** Starts one build for each attempt, however often it is asked, and follows it from the queue to its end. */
import type { Input, Outcome } from '../../core/run.ts';
import { checkedDurationMs } from '../../pipeline/duration.ts';
import type { StageContext } from '../kind.ts';
import { fencedOff, lookLater, RemoteTrouble, throughTrouble } from '../remote.ts';
import { type Build, type Found, jenkinsClient } from './client.ts';
import type { JenkinsCursor, JenkinsOutputs, JenkinsParameters } from './schema.ts';

/** How long a build of which nobody knows whether it was asked for may take to appear, in ms. */
const PERHAPS_WITHIN_MS = 60_000;
const LOOK_MS = 5_000;

type Result = Outcome<JenkinsCursor, JenkinsOutputs>;
type Client = ReturnType<typeof jenkinsClient>;

export async function step(
  parameters: JenkinsParameters,
  at: { cursor: JenkinsCursor | undefined; input: Input },
  context: StageContext,
): Promise<Result> {
  const client = jenkinsClient(parameters, context);
  const everyMs = checkedDurationMs(parameters.every);
  const { cursor } = at;
  const work = async (): Promise<Result> => {
    if (cursor === undefined || cursor.is === 'starting') return begin(parameters, client, cursor, context, everyMs);
    if (cursor.is === 'queued') return followItem(parameters, client, cursor, context, everyMs);
    return followBuild(parameters, client, cursor.build, context, everyMs);
  };
  return throughTrouble(work, cursor, context, everyMs);
}

async function begin(
  parameters: JenkinsParameters,
  client: Client,
  cursor: Extract<JenkinsCursor, { is: 'starting' }> | undefined,
  context: StageContext,
  everyMs: number,
): Promise<Result> {
  const { job } = parameters;
  const begun = await client.find();
  const started = (one: Found): Result =>
    lookLater<JenkinsCursor>({ version: 1, ...one }, context, { text: `${job} was started in Jenkins`, everyMs });
  if (begun !== undefined) return started(begun);
  const { tries, clock } = context;
  if (cursor === undefined ? tries > 1 : clock.now() < cursor.until) return perhaps(parameters, cursor, context);
  if (!context.mayWrite()) return fencedOff(`The Jenkins job ${job}`);
  try {
    return started({ is: 'queued', item: await client.start() });
  } catch (error) {
    if (!(error instanceof RemoteTrouble)) throw error;
    return perhaps(parameters, undefined, context);
  }
}

/** A request of which nothing was heard may still be on its way into the queue, where nobody sees it yet. */
function perhaps(
  { job }: JenkinsParameters,
  cursor: Extract<JenkinsCursor, { is: 'starting' }> | undefined,
  context: StageContext,
): Result {
  const until = cursor?.until ?? context.clock.now() + PERHAPS_WITHIN_MS;
  const text = `Nobody knows whether ${job} was started in Jenkins; its build is looked for before another is started`;
  return lookLater<JenkinsCursor>({ version: 1, is: 'starting', until }, context, { text, everyMs: LOOK_MS });
}

async function followItem(
  parameters: JenkinsParameters,
  client: Client,
  cursor: Extract<JenkinsCursor, { is: 'queued' }>,
  context: StageContext,
  everyMs: number,
): Promise<Result> {
  const { job } = parameters;
  const item = await client.item(cursor.item);
  if (item?.cancelled === true) {
    return failed(`The Jenkins job ${job} was cancelled while it stood in the queue.`, 'giveUp');
  }
  const build = item?.executable?.number;
  if (build !== undefined) return followBuild(parameters, client, build, context, everyMs);
  if (item !== undefined) {
    const why = item.why ?? 'it waits in the queue';
    return lookLater(cursor, context, { text: `${job} has not begun in Jenkins: ${why}`, everyMs });
  }
  // Jenkins forgets items soon after they have left the queue.
  const found = await client.find();
  if (found?.is === 'building') return followBuild(parameters, client, found.build, context, everyMs);
  return failed(`Jenkins no longer knows the build of ${job} that it had put in its queue.`, 'newAttempt');
}

async function followBuild(
  parameters: JenkinsParameters,
  client: Client,
  number: number,
  context: StageContext,
  everyMs: number,
): Promise<Result> {
  const { job, unstable, 'property-file': path } = parameters;
  const build = await client.build(number);
  if (build === undefined) return failed(`Jenkins no longer knows build ${number} of ${job}.`, 'newAttempt');
  const log = client.consoleUrl(number);
  if (build.building) {
    const progress = progressOf(build, context.clock.now());
    context.report([`${job} #${number}${progress}`, log]);
    const text = `${job} #${number} runs in Jenkins: ${log}`;
    return lookLater<JenkinsCursor>({ version: 1, is: 'building', build: number }, context, { text, everyMs });
  }
  const result = build.result ?? 'without a result';
  if (result !== 'SUCCESS' && !(result === 'UNSTABLE' && unstable === 'succeed')) {
    return failed(`${job} #${number} ended ${result}: ${log}`, 'newAttempt');
  }
  const values = path === undefined ? {} : await client.properties(number, path);
  return {
    is: 'succeeded',
    outputs: { build: number, url: client.buildUrl(number), result, values },
  };
}

function progressOf({ timestamp, estimatedDuration }: Build, now: number): string {
  if (estimatedDuration <= 0 || timestamp <= 0) return '';
  return `, about ${Math.min(99, Math.max(0, Math.floor(((now - timestamp) / estimatedDuration) * 100)))} %`;
}

function failed(text: string, next: 'giveUp' | 'newAttempt'): Result {
  return { is: 'failed', reason: { code: 'remote-refused', text }, then: next };
}
