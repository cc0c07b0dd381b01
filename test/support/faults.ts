/** Stands between the product and its ports, of whichever adapters, so that a test can count, delay, fail or kill at any call. */

/** One call of a port's method. */
export type PortCall = {
  /** The key of the port in the object that was wrapped. */
  readonly port: string;
  readonly method: string;
  /** Counted from 1 over all ports. */
  readonly n: number;
  /** The method's one parameter object. */
  readonly argument: unknown;
};

export type FaultHooks = {
  /** Runs before the call takes effect. Throwing here, the call never happens. */
  before?(call: PortCall): Promise<void> | void;
  /** Runs after the call took effect. Throwing here, its success is reported as a failure. */
  after?(call: PortCall): Promise<void> | void;
};

/** How often a method was called, and with how many documents or messages in all: an array of writes counts each. */
type CallCount = { readonly calls: number; readonly items: number };

export type Faulty<P> = {
  readonly ports: P;
  /** By `port.method`. Those that were never called are absent. */
  counts(): { readonly [call: string]: CallCount };
  resetCounts(): void;
};

/** The methods that return an AsyncIterable; all others of a wrapped port return a promise. */
const STREAMING: ReadonlySet<string> = new Set(['observe', 'watch']);

/** The parameters that hold what is written or sent, where there may be several. */
const PLURALS = ['writes', 'messages', 'transitions'] as const;

type Method = (this: unknown, argument: unknown) => unknown;

/**
 * The same ports, with the hooks run around every call of every method. Give it only ports whose methods are asynchronous;
 * functions that stand beside them (`subscribe`, `close`) are passed through as they are.
 */
export function withFaults<P extends object>(ports: P, hooks: FaultHooks = {}): Faulty<P> {
  let n = 0;
  const counts = new Map<string, { calls: number; items: number }>();

  const begin = (port: string, method: string, argument: unknown): PortCall => {
    n += 1;
    const name = `${port}.${method}`;
    const count = counts.get(name) ?? { calls: 0, items: 0 };
    counts.set(name, { calls: count.calls + 1, items: count.items + itemsOf(argument) });
    return { port, method, n, argument };
  };

  const wrapPort = (name: string, port: object): object => {
    const wrapped = new Map<PropertyKey, Method>();
    return new Proxy(port, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== 'function' || typeof key !== 'string') return value;
        const known = wrapped.get(key);
        if (known !== undefined) return known;
        const call = (argument: unknown): unknown => Reflect.apply(value, target, [argument]);
        const method: Method = STREAMING.has(key)
          ? (argument) => stream(hooks, begin(name, key, argument), () => call(argument) as AsyncIterable<unknown>)
          : (argument) => once(hooks, begin(name, key, argument), () => call(argument));
        wrapped.set(key, method);
        return method;
      },
    });
  };

  const wrapped = Object.fromEntries(
    Object.entries(ports).map(([name, port]: [string, unknown]) => [
      name,
      typeof port === 'object' && port !== null ? wrapPort(name, port) : port,
    ]),
  );
  return {
    ports: wrapped as P,
    counts: () => Object.fromEntries([...counts].sort(([left], [right]) => left.localeCompare(right))),
    resetCounts: () => counts.clear(),
  };
}

async function once(hooks: FaultHooks, call: PortCall, run: () => unknown): Promise<unknown> {
  await hooks.before?.(call);
  const result = await run();
  await hooks.after?.(call);
  return result;
}

/** `before` runs when the first item is asked for, `after` when the stream has ended. */
async function* stream(
  hooks: FaultHooks,
  call: PortCall,
  run: () => AsyncIterable<unknown>,
): AsyncGenerator<unknown, void, undefined> {
  await hooks.before?.(call);
  yield* run();
  await hooks.after?.(call);
}

function itemsOf(argument: unknown): number {
  if (typeof argument !== 'object' || argument === null) return 1;
  for (const plural of PLURALS) {
    const items: unknown = Reflect.get(argument, plural);
    if (Array.isArray(items)) return items.length;
  }
  return 1;
}
