/** Tables that fit the width: the last column gives way first, and none is wider than what it holds. */
import { columnsTaken, cutTo, padTo } from '../text.ts';

const GAP = 2;

/**
 * The lines of a table with these headings. The columns take what they need; where that is too wide, the last one
 * is cut, then the one before it, but none to less than its heading.
 */
export function renderTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  width: number,
): string[] {
  const columns = headings.map((heading, index) =>
    Math.max(columnsTaken(heading), ...rows.map((row) => columnsTaken(row[index] ?? ''))),
  );
  let tooWide = columns.reduce((sum, column) => sum + column + GAP, -GAP) - width;
  for (let index = columns.length - 1; index >= 0 && tooWide > 0; index -= 1) {
    const column = columns[index] ?? 0;
    const given = Math.min(tooWide, column - columnsTaken(headings[index] ?? ''));
    columns[index] = column - given;
    tooWide -= given;
  }
  return [headings, ...rows].map((row) =>
    columns
      .map((column, index) => padTo(cutTo(row[index] ?? '', column), column))
      .join(' '.repeat(GAP))
      .trimEnd(),
  );
}
