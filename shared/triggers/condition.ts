/** One condition of a trigger with the values that were compared, so that people see why an event started nothing. */
import { RE2JS } from 're2js';
import type { Compared } from '../ports/inbox.ts';

/** The values that are shown, in characters. */
const MAXIMUM_SHOWN = 300;

export type Condition = Compared & {
  /** The sentence for people where it is not met. */
  readonly text: string;
};

/** A condition of one value; without a sentence of its own, one is made of the values. */
export function condition(given: {
  condition: string;
  wanted: string;
  got: string;
  met: boolean;
  text?: string | undefined;
}): Condition {
  const { condition: name, met } = given;
  const wanted = given.wanted.slice(0, MAXIMUM_SHOWN);
  const got = given.got.slice(0, MAXIMUM_SHOWN);
  return {
    condition: name,
    wanted,
    got,
    met,
    text: given.text ?? `${name} must be ${wanted}, not ${got || 'nothing'}`,
  };
}

/** One of the patterns matches one of the values. `undefined` values: the sender does not tell, so they may match. */
export function someMatch(
  name: string,
  patterns: readonly string[] | undefined,
  values: readonly string[] | undefined,
  unknown = 'not told in full',
): Condition[] {
  if (patterns === undefined) return [];
  const wanted = patterns.join(' or ');
  if (values === undefined) return [condition({ condition: name, wanted, got: unknown, met: true })];
  const met = values.some((value) => patterns.some((pattern) => matchesPattern(pattern, value)));
  return [condition({ condition: name, wanted, got: values.join(', '), met })];
}

const compiled = new Map<string, RE2JS>();
const MAXIMUM_COMPILED = 1_000;

/** `*` is any text without "/", `**` any text, `?` one character. Linear in the text, whatever the pattern. */
export function matchesPattern(pattern: string, text: string): boolean {
  let found = compiled.get(pattern);
  if (found === undefined) {
    if (compiled.size >= MAXIMUM_COMPILED) compiled.clear();
    found = RE2JS.compile(regexOf(pattern));
    compiled.set(pattern, found);
  }
  return found.matches(text);
}

function regexOf(pattern: string): string {
  return pattern
    .split(/(\*\*\/|\*\*|\*|\?)/)
    .map((part) => {
      if (part === '**/') return '(?:.*/)?';
      if (part === '**') return '(?s:.*)';
      if (part === '*') return '[^/]*';
      return part === '?' ? '[^/]' : RE2JS.quote(part);
    })
    .join('');
}
