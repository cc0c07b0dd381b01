/** Loads client libraries when they are first used, because each takes a function's cold start several tenths of a second. */

export type Lazy<T> = {
  /** The thing, made when it is first asked for, and again if making it failed. */
  get(): Promise<T>;
  /** Ends what was made; makes nothing. */
  close(): Promise<void>;
};

export function lazily<T>(options: { make: () => Promise<T>; end: (made: T) => Promise<void> }): Lazy<T> {
  let made: Promise<T> | undefined;
  return {
    get() {
      made ??= options.make().catch((error: unknown) => {
        made = undefined;
        throw error;
      });
      return made;
    },
    async close() {
      if (made !== undefined) await options.end(await made);
    },
  };
}
