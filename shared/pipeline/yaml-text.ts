/** What can be told of YAML from its characters alone: nesting that no parser should be given, and places within texts. */

/** Counted from 1. */
export type Position = { readonly line: number; readonly column: number };

/** Far more than any document has, and far less than what keeps a parser busy. */
const MAXIMUM_OPEN = 500;

/** Quotes, anchors, aliases and tags; a file of many values has far fewer. */
const MAXIMUM_SIGNS = 80_000;

export type Refused = Position & { readonly because: 'depth' | 'signs' };

/**
 * Where the text has more nesting, or more signs, than any document. What stands in texts and comments counts too, so
 * the limits are generous: they spare the parser what would only cost time and memory.
 */
export function tooMuchToParse(text: string): Refused | undefined {
  let open = 0;
  let signs = 0;
  let line = 1;
  let lineStart = 0;
  /** `- - - a`: signs at the beginning of a line, each of which opens a list or a map. */
  let compact = 0;
  let isBeginning = true;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === NEWLINE) {
      line += 1;
      lineStart = at + 1;
      compact = 0;
      isBeginning = true;
      continue;
    }
    if (code === OPEN_LIST || code === OPEN_MAP) open += 1;
    else if ((code === CLOSE_LIST || code === CLOSE_MAP) && open > 0) open -= 1;
    if (isBeginning && (code === DASH || code === QUESTION || code === COLON)) compact += 1;
    else if (code !== SPACE) isBeginning = false;
    if (SIGNS.has(code)) signs += 1;
    const because =
      open > MAXIMUM_OPEN || compact > MAXIMUM_OPEN ? 'depth' : signs > MAXIMUM_SIGNS ? 'signs' : undefined;
    if (because !== undefined) return { line, column: at - lineStart + 1, because };
  }
  return undefined;
}

/** How many documents the text has, as far as lines tell. */
export function countDocuments(text: string): number {
  let count = 0;
  const begin = /^---(?:\s|$)/gm;
  while (begin.exec(text) !== null) count += 1;
  return count;
}

/** `"`, `'`, `&`, `*` and `!` */
const SIGNS: ReadonlySet<number> = new Set([34, 39, 38, 42, 33]);
const NEWLINE = 10;
const SPACE = 32;
const DASH = 45;
const COLON = 58;
const QUESTION = 63;
const OPEN_LIST = 91;
const CLOSE_LIST = 93;
const OPEN_MAP = 123;
const CLOSE_MAP = 125;

/**
 * Where in a scalar as it is written the character at `offset` of its text stands; undefined for text that is folded
 * over several lines, which only the parser knows.
 */
export function placeInText(written: string, type: string, offset: number): number | undefined {
  if (type === 'BLOCK_LITERAL') return placeInBlock(written, offset);
  if (written.includes('\n')) return undefined;
  switch (type) {
    case 'PLAIN':
      return offset;
    case 'QUOTE_SINGLE':
      return placeBehindEscapes(written, offset, /''/y);
    case 'QUOTE_DOUBLE':
      return placeBehindEscapes(written, offset, /\\(?:x..|u.{4}|U.{8}|.)/y);
    default:
      return undefined;
  }
}

/** Each escape stands for one character; those beyond 16 bits for two units of text. */
function placeBehindEscapes(written: string, offset: number, sign: RegExp): number {
  let at = 1;
  for (let units = 0; units < offset && at < written.length; units += 1) {
    sign.lastIndex = at;
    const [found] = sign.exec(written) ?? [];
    const isPair = found?.startsWith('\\U') === true && Number.parseInt(found.slice(2), 16) > 0xffff;
    if (isPair) units += 1;
    at += found?.length ?? 1;
  }
  return at;
}

/** The lines of a literal block stand below each other, all indented as its first one is. */
function placeInBlock(written: string, offset: number): number | undefined {
  const [header = '', ...lines] = written.split('\n');
  // An indentation that is told in the header can hold lines that are indented further.
  if (/[1-9]/.test(header)) return undefined;
  const indent = /^ */.exec(lines.find((line) => line.trim() !== '') ?? '')?.[0].length ?? 0;
  let before = header.length + 1;
  let rest = offset;
  for (const line of lines) {
    const length = Math.max(0, line.length - indent);
    if (rest <= length) return before + indent + rest;
    rest -= length + 1;
    before += line.length + 1;
  }
  return undefined;
}
