/** `gennaker watch`: follows an execution live. */
import { hasEnded } from '../../shared/use-cases/describe-execution.ts';
import { latestId } from '../api.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../failure.ts';
import { exitCodeOf, followInJson, followInLines, followOnScreen } from '../follow.ts';

export type WatchOptions = { readonly exitStatus?: boolean };

export async function watch(context: Context, id: string | undefined, options: WatchOptions): Promise<ExitCode> {
  const api = await context.api();
  const whole = id === undefined ? await latestId(api) : (await api.execution(id)).id;
  const { stdout } = context.surroundings;
  const end =
    context.format === 'json'
      ? await followInJson(context, api, whole)
      : stdout.isTTY === true
        ? await followOnScreen(context, api, whole)
        : await followInLines(context, api, whole, stdout);
  if (options.exitStatus !== true) {
    return EXIT.success;
  }
  // Whoever leaves before the end has not seen a success.
  return end !== undefined && hasEnded(end.status) ? exitCodeOf(end.status) : EXIT.failure;
}
