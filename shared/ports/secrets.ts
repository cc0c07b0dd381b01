/** Secrets by reference: what is stored and logged is the name, never the value. */

export interface Secrets {
  /** The value of the secret of this name, or undefined where there is none. */
  get(query: { name: string }): Promise<string | undefined>;
}
