/** Cuts a log to its last whole lines, alike for the sandbox and a real cluster. */
import { MAXIMUM_LOG_BYTES } from '../ports/cluster.ts';

/** At most `lines` lines, without the ends of lines. A last line that the limit of bytes has cut is left out. */
export function lastLines(text: string, lines: number): string[] {
  const all = text.split('\n');
  // What follows the last end of a line is nothing, or a line that was not ended, or one that was cut.
  const isCut = Buffer.byteLength(text) >= MAXIMUM_LOG_BYTES;
  if (all.at(-1) === '' || isCut) all.pop();
  return lines === 0 ? [] : all.slice(-lines);
}
