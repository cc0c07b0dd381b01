/** What the commands write to, so that a test can stand in for a terminal and a pipe looks like a pipe. */
import { styleText } from 'node:util';

/** A stream that text goes to. `columns` and `rows` are known on a terminal only. */
export type Output = {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

/** A keyboard. */
export type Keys = {
  readonly isTTY?: boolean;
  setRawMode?(raw: boolean): unknown;
  on(event: 'data', listener: (chunk: Buffer) => void): unknown;
  off(event: 'data', listener: (chunk: Buffer) => void): unknown;
  resume(): unknown;
  pause(): unknown;
};

export type Environment = { readonly [name: string]: string | undefined };

/** Everything outside that a command touches. */
export type Surroundings = {
  /** Results. */
  readonly stdout: Output;
  /** Progress and errors. */
  readonly stderr: Output;
  readonly keys: Keys;
  readonly environment: Environment;
  /** Epoch milliseconds. */
  now(): number;
  /** Aborts when the user wants to stop. */
  readonly signal: AbortSignal;
};

const DEFAULT_COLUMNS = 80;
const FEWEST_COLUMNS = 40;
const DEFAULT_ROWS = 24;

/** A terminal that does not know its size says 0. */
export function columnsOf(output: Output, environment: Environment): number {
  const columns = output.columns || Number(environment.COLUMNS ?? DEFAULT_COLUMNS);
  return Number.isInteger(columns) && columns > 0 ? Math.max(columns, FEWEST_COLUMNS) : DEFAULT_COLUMNS;
}

export function rowsOf(output: Output): number {
  return output.rows || DEFAULT_ROWS;
}

/** Whether to colour: NO_COLOR forbids it, FORCE_COLOR asks for it, otherwise only a terminal that can. */
export function wantsColour(output: Output, environment: Environment): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = environment;
  if (NO_COLOR !== undefined && NO_COLOR !== '') {
    return false;
  }
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '') {
    return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false';
  }
  return output.isTTY === true && TERM !== 'dumb';
}

export type Tone = 'good' | 'bad' | 'active' | 'held' | 'quiet' | 'strong';
/** Gives a piece of text its tone, or leaves it as it is where nothing is to be coloured. */
export type Paint = (tone: Tone, text: string) => string;

const STYLES = {
  good: 'green',
  bad: 'red',
  active: 'cyan',
  held: 'yellow',
  quiet: 'dim',
  strong: 'bold',
} as const;

export function painter(colour: boolean): Paint {
  return colour ? (tone, text) => styleText(STYLES[tone], text, { validateStream: false }) : (_tone, text) => text;
}
