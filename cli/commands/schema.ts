/** `gennaker schema`: what editors complete and check pipeline files by. Needs no system. */
import { pipelineJsonSchema } from '../../shared/pipeline/json-schema.ts';
import type { Context } from '../context.ts';

export async function schema(context: Context): Promise<void> {
  const text = JSON.stringify(pipelineJsonSchema(await context.kinds()), null, 2);
  context.result(text, () => [text]);
}
