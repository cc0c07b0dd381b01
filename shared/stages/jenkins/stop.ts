/** Takes the build out of the queue or stops it, also one that a lost worker started, and waits until it is at rest. */
import type { Input, Outcome } from '../../core/run.ts';
import type { StageContext } from '../kind.ts';
import { lookLater, throughTrouble } from '../remote.ts';
import { jenkinsClient } from './client.ts';
import type { JenkinsCursor, JenkinsParameters } from './schema.ts';

const EVERY_MS = 3_000;

export async function stop(
  parameters: JenkinsParameters,
  at: { cursor: JenkinsCursor | undefined; input: Input },
  context: StageContext,
): Promise<Outcome<JenkinsCursor, null>> {
  const client = jenkinsClient(parameters, context);
  const work = async (): Promise<Outcome<JenkinsCursor, null>> => {
    const { cursor } = at;
    const begun = cursor === undefined || cursor.is === 'starting' ? await client.find() : cursor;
    if (begun === undefined) {
      // What was perhaps asked for may still appear.
      if (cursor?.is === 'starting' && context.clock.now() < cursor.until) return later(cursor);
      return { is: 'succeeded', outputs: null };
    }
    let build = begun.is === 'building' ? begun.build : undefined;
    if (begun.is === 'queued') {
      const item = await client.item(begun.item);
      const found = item === undefined ? await client.find() : undefined;
      build = item?.executable?.number ?? (found?.is === 'building' ? found.build : undefined);
      if (build === undefined && (item === undefined || item.cancelled === true))
        return { is: 'succeeded', outputs: null };
      if (build === undefined) {
        if (context.mayWrite()) await client.cancelItem(begun.item);
        return later({ version: 1, is: 'queued', item: begun.item });
      }
    }
    if (build === undefined) return { is: 'succeeded', outputs: null };
    const now = await client.build(build);
    if (now === undefined || !now.building) return { is: 'succeeded', outputs: null };
    if (context.mayWrite()) await client.stopBuild(build);
    return later({ version: 1, is: 'building', build });
  };
  const later = (cursor: JenkinsCursor): Outcome<JenkinsCursor, null> =>
    lookLater(cursor, context, { text: `${parameters.job} is being stopped in Jenkins`, everyMs: EVERY_MS });
  return throughTrouble(work, at.cursor, context, EVERY_MS);
}
