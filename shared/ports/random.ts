/** Randomness as the product sees it, so that the simulation can replay it from a seed. */

export interface Random {
  /** A fresh identifier of 20 lower-case letters and digits, unguessable in production. */
  id(): string;
  /** A number in [0, 1), for jitter. */
  fraction(): number;
}
