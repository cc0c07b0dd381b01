/** What a section of the benchmark is: what it needs of the machine, what it measures, and what the project promises of that. */

/** One figure. Where it was taken in several rounds, `value` is their median. */
export type Measure = {
  readonly name: string;
  readonly value: number;
  /** `ms`, `µs`, `/s`, `×` for a ratio, or what was counted. */
  readonly unit: string;
  /** The first and the third quartile of the rounds. */
  readonly quartiles?: readonly [number, number];
  readonly rounds?: number;
  /** What the project promises; a figure that is compared with nothing has none. */
  readonly target?: Target;
};

export type Target = { readonly is: 'at most' | 'at least'; readonly value: number };

/** `brief` asks for a few rounds only: enough to see that a section works, not to believe its times. */
export type Effort = 'full' | 'brief';

export type Section = {
  readonly name: string;
  /** One phrase for people. */
  readonly about: string;
  /** The parts of the machine that it needs. */
  readonly needs: readonly Part[];
  run(effort: Effort): Promise<readonly Measure[]>;
};

export type Part = { readonly name: string; isHere(): boolean };

export const atMost = (value: number): Target => ({ is: 'at most', value });
export const atLeast = (value: number): Target => ({ is: 'at least', value });

/** True where the figure is as promised, or nothing was promised. */
export function holds({ value, target }: Measure): boolean {
  if (target === undefined) return true;
  return target.is === 'at most' ? value <= target.value : value >= target.value;
}

/** The figure that the rounds come to. Throws a RangeError where there is none. */
export function measureOf(
  name: string,
  unit: string,
  samples: readonly number[],
  target?: Target,
): Measure & { readonly quartiles: readonly [number, number] } {
  return {
    name,
    unit,
    value: quantile(samples, 0.5),
    quartiles: [quantile(samples, 0.25), quantile(samples, 0.75)],
    rounds: samples.length,
    ...(target === undefined ? {} : { target }),
  };
}

/** The value below which the fraction of the samples lies, between two of them in proportion. */
export function quantile(samples: readonly number[], fraction: number): number {
  const sorted = samples.toSorted((one, other) => one - other);
  const place = (sorted.length - 1) * fraction;
  const below = sorted[Math.floor(place)];
  const above = sorted[Math.ceil(place)];
  if (below === undefined || above === undefined) throw new RangeError('a median of no samples was asked for');
  return below + (above - below) * (place - Math.floor(place));
}
