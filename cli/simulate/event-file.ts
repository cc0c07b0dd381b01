/** The file of an event: what a sender sends, with the source that it sends it to. */
import { findings } from '../../shared/pipeline/issues.ts';
import { formatPath, type Problem } from '../../shared/pipeline/problem.ts';
import { readYaml } from '../../shared/pipeline/yaml-file.ts';
import { MAXIMUM_WEBHOOK_BYTES } from '../../shared/use-cases/receive-event.ts';
import { count } from '../text.ts';
import { type EventFile, eventSchema } from './script-schema.ts';

/** A payload may hold many values, and is read by the limits of its source afterwards. */
const MAXIMUM_EVENT_VALUES = 100_000;

/** JSON is YAML, and read as such it keeps its places. */
export function readEventFile(
  file: string,
  text: string,
): { readonly event: EventFile } | { readonly problems: readonly Problem[] } {
  const limits = { maximumBytes: MAXIMUM_WEBHOOK_BYTES, maximumValues: MAXIMUM_EVENT_VALUES };
  const { documents, problems } = readYaml({ file, text, dialect: 'pipeline', limits });
  const [document, ...others] = documents;
  if (problems.length > 0) return { problems };
  if (document === undefined || others.length > 0) {
    const message = `the file has ${count(documents.length, 'event')}; it must have one`;
    return { problems: [{ file, line: 1, column: 1, message }] };
  }
  const parsed = eventSchema.safeParse(document.value);
  if (parsed.success) return { event: parsed.data };
  const checked = { schema: eventSchema, value: document.value, base: [], owner: 'an event', document };
  return {
    problems: findings(parsed.error.issues, checked).map(({ path, at, sentence }) => {
      const position = at === 'key' ? document.keyAt(path) : document.valueAt(path);
      const where = formatPath(path);
      return { file, ...position, message: where === '' ? sentence : `${where}  ${sentence}` };
    }),
  };
}
