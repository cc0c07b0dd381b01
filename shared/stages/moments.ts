/** Moments in the sentences of waits, which are written once and read much later. */

/** `2026-11-23 19:30:38 UTC`: exact to the second, in a form that everyone reads alike. */
export function describeMoment(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
