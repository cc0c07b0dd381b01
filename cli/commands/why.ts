/** `gennaker why`: why an execution is where it is, and the commands that lead on. */
import { latestId } from '../api.ts';
import type { Context } from '../context.ts';
import { explain, renderWhy } from '../render/why.ts';

export async function why(context: Context, id: string | undefined): Promise<void> {
  const api = await context.api();
  const detail = await api.execution(id ?? (await latestId(api)));
  const view = context.view();
  context.result(explain(detail, view.now), () => renderWhy(detail, view));
}
