/** The known name that a mistyped one was probably meant to be. */

/** Names longer than this are not compared: nobody mistypes them. */
const MAXIMUM_NAME_LENGTH = 100;
/** Nobody makes more slips in one name, however long it is. */
const MAXIMUM_SLIPS = 4;

/**
 * How many single-letter edits lead from `a` to `b`, up to `most`; more are told as `most + 1`. Swapping two neighbours
 * is one edit. Takes time in proportion to `most` and the length of the names.
 */
export function editDistance(a: string, b: string, most = Number.POSITIVE_INFINITY): number {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let twoAbove: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current: number[] = [row];
    // Beyond `most` columns from the diagonal there are more edits than that.
    const from = Math.max(1, row - most);
    const to = Math.min(b.length, row + most);
    let least = from === 1 ? row : Number.POSITIVE_INFINITY;
    for (let column = from; column <= to; column += 1) {
      const same = a[row - 1] === b[column - 1];
      let best = Math.min(
        (above[column] ?? Number.POSITIVE_INFINITY) + 1,
        (current[column - 1] ?? Number.POSITIVE_INFINITY) + 1,
        (above[column - 1] ?? Number.POSITIVE_INFINITY) + (same ? 0 : 1),
      );
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) best = Math.min(best, (twoAbove[column - 2] ?? Number.POSITIVE_INFINITY) + 1);
      current[column] = best;
      least = Math.min(least, best);
    }
    if (least > most + 1) return most + 1;
    twoAbove = above;
    above = current;
  }
  return Math.min(above[b.length] ?? Number.POSITIVE_INFINITY, most + 1);
}

/** The nearest of `known`, or undefined where none is near enough to be a likely slip. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  if (name.length > MAXIMUM_NAME_LENGTH) return undefined;
  let allowed = Math.min(MAXIMUM_SLIPS, Math.max(1, Math.floor(name.length / 3)));
  let best: string | undefined;
  const given = name.toLowerCase();
  for (const candidate of known) {
    const distance = editDistance(given, candidate.toLowerCase(), allowed);
    if (distance > allowed) continue;
    best = candidate;
    // Only a nearer one is better.
    allowed = distance - 1;
    if (allowed < 0) break;
  }
  return best;
}

/** `; did you mean "steps"?` where a known name is near, otherwise nothing. */
export function didYouMean(name: string, known: Iterable<string>): string {
  const meant = nearest(name, known);
  return meant === undefined ? '' : `; did you mean "${meant}"?`;
}
