/** Cancels the build, also one that a lost worker started, and waits until it is at rest. */
import type { Input, Outcome } from '../../core/run.ts';
import type { StageContext } from '../kind.ts';
import { lookLater, throughTrouble } from '../remote.ts';
import { cloudBuildClient, isRunning } from './client.ts';
import type { CloudBuildCursor, CloudBuildParameters } from './schema.ts';

const EVERY_MS = 5_000;
/** How long the build of a lost worker is looked for, in ms. */
const PERHAPS_MS = 30_000;

export async function stop(
  parameters: CloudBuildParameters,
  at: { cursor: CloudBuildCursor | undefined; input: Input },
  context: StageContext,
): Promise<Outcome<CloudBuildCursor, null>> {
  const client = cloudBuildClient(parameters, context);
  const later = (cursor: CloudBuildCursor): Outcome<CloudBuildCursor, null> =>
    lookLater(cursor, context, { text: `The build in ${parameters.project} is being cancelled`, everyMs: EVERY_MS });
  const work = async (): Promise<Outcome<CloudBuildCursor, null>> => {
    const { cursor } = at;
    const now = context.clock.now();
    const build = cursor?.is === 'running' ? await client.get(cursor.build) : await client.find();
    if (build === undefined) {
      if (cursor?.is === 'perhaps-started' && now >= cursor.until) return { is: 'succeeded', outputs: null };
      return later(cursor ?? { version: 1, is: 'perhaps-started', until: now + PERHAPS_MS });
    }
    if (!isRunning(build)) return { is: 'succeeded', outputs: null };
    if (context.mayWrite()) await client.cancel(build.id);
    return later({ version: 1, is: 'running', build: build.id });
  };
  return throughTrouble(work, at.cursor, context, EVERY_MS);
}
