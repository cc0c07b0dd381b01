/** Shows what the sections came to: a table for people, and the same as data. */
import { availableParallelism, loadavg } from 'node:os';
import { holds, type Measure, type Section } from './section.ts';

/** What became of one section. */
export type Result =
  | {
      readonly section: string;
      readonly is: 'measured';
      /** The machine's load average of the last minute, when the section was begun and when it had ended. */
      readonly load: readonly [number, number];
      readonly measures: readonly Measure[];
    }
  | { readonly section: string; readonly is: 'skipped'; readonly because: string };

export type Machine = { readonly node: string; readonly cpus: number };

export const machineHere = (): Machine => ({ node: process.version, cpus: availableParallelism() });

export const loadNow = (): number => loadavg()[0] ?? 0;

export function tellMachine({ node, cpus }: Machine): string {
  return `Node ${node}, ${cpus} CPUs\n`;
}

const NAME_WIDTH = 62;
const VALUE_WIDTH = 8;
const UNIT_WIDTH = 11;
const SPREAD_WIDTH = 26;

export function tellResult(section: Section, result: Result): string {
  const head = `\n${section.name}: ${section.about}`;
  if (result.is === 'skipped') return `${head}\n  skipped: ${result.because}\n`;
  const load = result.load.map((one) => one.toFixed(1)).join(' to ');
  return `${head} (load ${load})\n${result.measures.map(tellMeasure).join('')}`;
}

function tellMeasure(measure: Measure): string {
  const { name, unit, quartiles, target, rounds } = measure;
  const spread =
    quartiles === undefined
      ? ''
      : `${quartiles.map(tellNumber).join(' … ')}${rounds === undefined ? '' : ` (${rounds})`}`;
  const verdict =
    target === undefined ? '' : `${target.is} ${tellNumber(target.value)}: ${holds(measure) ? 'holds' : 'MISSED'}`;
  const cells = [
    `  ${name}`.padEnd(NAME_WIDTH),
    tellNumber(measure.value).padStart(VALUE_WIDTH),
    ` ${unit}`.padEnd(UNIT_WIDTH),
    spread.padEnd(SPREAD_WIDTH),
    verdict,
  ];
  return `${cells.join('').trimEnd()}\n`;
}

/** Three digits that mean something, or all of a large number or a count. */
function tellNumber(value: number): string {
  if (Number.isInteger(value)) return String(value);
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits);
}

/** The results as data: one object, with whether each figure is as promised. */
export function toJson(machine: Machine, results: readonly Result[]): string {
  const sections = results.map((result) =>
    result.is === 'skipped'
      ? result
      : { ...result, measures: result.measures.map((measure) => ({ ...measure, holds: holds(measure) })) },
  );
  return `${JSON.stringify({ machine, sections }, undefined, 2)}\n`;
}
