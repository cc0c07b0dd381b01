/** Time as the product sees it, so that tests and the simulation can own it. */

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs `run` once, `ms` milliseconds from now. Returns what cancels it. */
  after(ms: number, run: () => void): () => void;
}
