/** What the system does on every tick: several things that have nothing to do with each other. */

/** Does all of them at once, each to its end though others fail. Throws what failed, together where several did. */
export async function doChores(chores: readonly (() => Promise<unknown>)[]): Promise<void> {
  const done = await Promise.allSettled(chores.map(async (chore) => chore()));
  const errors = done.filter((one) => one.status === 'rejected').map(({ reason }): unknown => reason);
  if (errors.length === 0) return;
  if (errors.length === 1) throw errors[0];
  const texts = errors.map((error) => (error instanceof Error ? error.message : String(error)));
  throw new AggregateError(errors, `${errors.length} of ${chores.length} chores failed: ${texts.join('; ')}`);
}
