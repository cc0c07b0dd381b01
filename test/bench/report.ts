/** Shows what the sections came to: a table for people, and the same as data. */
import { availableParallelism, loadavg } from 'node:os';
import { holds, type Measure, type Section } from './section.ts';

/** What became of one section. */
export type Result =
  | { readonly section: string; readonly is: 'measured'; readonly measures: readonly Measure[] }
  | { readonly section: string; readonly is: 'skipped'; readonly because: string };

/** The machine, with its load averages of 1, 5 and 15 minutes. */
export type Machine = { readonly node: string; readonly cpus: number; readonly load: readonly number[] };

export const machineNow = (): Machine => ({ node: process.version, cpus: availableParallelism(), load: loadavg() });

export function tellMachine({ node, cpus, load }: Machine): string {
  return `Node ${node}, ${cpus} CPUs, load ${load.map((one) => one.toFixed(2)).join(' ')}\n`;
}

const NAME_WIDTH = 62;
const VALUE_WIDTH = 8;
const UNIT_WIDTH = 11;
const SPREAD_WIDTH = 26;

export function tellResult(section: Section, result: Result): string {
  const head = `\n${section.name}: ${section.about}\n`;
  if (result.is === 'skipped') return `${head}  skipped: ${result.because}\n`;
  return head + result.measures.map(tellMeasure).join('');
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
