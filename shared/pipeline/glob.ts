/** Patterns with `*` that people write, matched in time that grows with pattern times text, whatever the pattern is. */

const MAXIMUM_GLOB_CHARACTERS = 1_000;
/** What `{a,b}` may come to in one pattern. */
const MAXIMUM_ALTERNATIVES = 32;

/** Whether the whole text matches: `*` stands for any text, `?` for any one character, everything else for itself. */
export function matchesGlob(pattern: string, text: string): boolean {
  return matchesAll([...pattern].map(wildcard), [...text]);
}

export type PathGlob = {
  /** The folder that everything that matches lies below; empty for all of them. */
  readonly base: string;
  /** Whether it may match anything but the path that it is. */
  readonly isGlob: boolean;
  /** Whether the path, with "/" between its parts, matches. */
  matches(path: string): boolean;
};

/**
 * Reads a pattern of paths: `*` and `?` within one part of the path, `**` for any parts, `[a-z]` and `[!a-z]` for one
 * character, `{a,b}` for either. What begins with "." is matched only by a part that does too. `problem` goes on after
 * the pattern.
 */
export function readPathGlob(pattern: string): PathGlob | { readonly problem: string } {
  if (pattern.length > MAXIMUM_GLOB_CHARACTERS) {
    return { problem: `has ${pattern.length} characters; a pattern has at most ${MAXIMUM_GLOB_CHARACTERS}` };
  }
  const alternatives = expandBraces(pattern);
  if (alternatives === undefined) {
    return { problem: `stands for more than ${MAXIMUM_ALTERNATIVES} patterns; name the files in several` };
  }
  const globs = alternatives.map((path) => path.split('/').map(readSegment));
  const matchers = globs.map((glob) => glob.map(segmentMatcher));
  const segments = pattern.split('/');
  const first = segments.findIndex((segment) => /[*?[{]/.test(segment));
  return {
    base: segments.slice(0, first === -1 ? segments.length - 1 : first).join('/'),
    isGlob: globs.length > 1 || globs.flat().some((segment) => segment === 'any' || !segment.isLiteral),
    matches: (path) => {
      const parts = path.split('/');
      return matchers.some((glob) => matchesAll(glob, parts));
    },
  };
}

/** One step of a pattern: `any` takes as many items as it may, and none too; a function takes one. */
type Matcher = ((item: string) => boolean) | { readonly any: (item: string) => boolean };

/** Going back to the last `any` alone is enough, and keeps it at pattern times items. */
function matchesAll(pattern: readonly Matcher[], items: readonly string[]): boolean {
  let at = 0;
  let inPattern = 0;
  let resume: { readonly inPattern: number; at: number; readonly may: (item: string) => boolean } | undefined;
  while (at < items.length) {
    const item = items[at] ?? '';
    const step = pattern[inPattern];
    if (typeof step === 'object') {
      inPattern += 1;
      resume = { inPattern, at, may: step.any };
    } else if (step?.(item)) {
      at += 1;
      inPattern += 1;
    } else if (resume?.may(items[resume.at] ?? '')) {
      resume.at += 1;
      at = resume.at;
      inPattern = resume.inPattern;
    } else {
      return false;
    }
  }
  return pattern.slice(inPattern).every((step) => typeof step === 'object');
}

const ANY: Matcher = { any: () => true };

function wildcard(character: string): Matcher {
  if (character === '*') return ANY;
  if (character === '?') return () => true;
  return (item) => item === character;
}

type Segment = {
  readonly isLiteral: boolean;
  readonly isHidden: boolean;
  readonly matchers: readonly Matcher[];
};

function readSegment(text: string): Segment | 'any' {
  if (text === '**') return 'any';
  const tokens = text.match(/\[[!^]?[^\]]+\]|./gsu) ?? [];
  const matchers = tokens.map((token) =>
    token.length > 1 && token.startsWith('[') ? charactersOf(token) : wildcard(token),
  );
  return {
    isLiteral: tokens.every((token) => token !== '*' && token !== '?' && !/^\[./u.test(token)),
    isHidden: text.startsWith('.'),
    matchers,
  };
}

function segmentMatcher(segment: Segment | 'any'): Matcher {
  if (segment === 'any') return { any: (part) => !part.startsWith('.') };
  return (part) => part.startsWith('.') === segment.isHidden && matchesAll(segment.matchers, [...part]);
}

/** `[a-z_]`, `[!a-z]` */
function charactersOf(token: string): Matcher {
  const isNot = /^\[[!^]/u.test(token);
  const ranges = [...token.slice(isNot ? 2 : 1, -1).matchAll(/(.)-(.)|./gsu)].map(([whole, from, to]) => ({
    from: from ?? whole,
    to: to ?? whole,
  }));
  return (item) => ranges.some(({ from, to }) => from <= item && item <= to) !== isNot;
}

/** The patterns that `{a,b}` comes to, within each other too; undefined where they are too many. */
function expandBraces(pattern: string): readonly string[] | undefined {
  const done: string[] = [];
  const waiting = [pattern];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const braces = /\{([^{}]*,[^{}]*)\}/u.exec(next);
    if (braces === null) {
      done.push(next);
    } else {
      const [whole, inner = ''] = braces;
      const before = next.slice(0, braces.index);
      const after = next.slice(braces.index + whole.length);
      waiting.push(...inner.split(',').map((one) => `${before}${one}${after}`));
    }
    if (done.length + waiting.length > MAXIMUM_ALTERNATIVES) return undefined;
  }
  return done;
}
