/** Finds the expressions in a text: `${{ … }}`, alone or between other characters. */

export type TextPart =
  | { readonly is: 'text'; readonly text: string }
  /** `at` is where `source` begins in the whole text. */
  | { readonly is: 'expression'; readonly source: string; readonly at: number };

const OPEN = '${{';

/** Whether the value is text with an expression in it. */
export function hasExpression(value: unknown): boolean {
  return typeof value === 'string' && value.includes(OPEN);
}

const MAXIMUM_SHOWN = 100;

/** The source of an expression as messages show it. */
export function shownSource(source: string): string {
  const text = source.trim();
  return text.length <= MAXIMUM_SHOWN ? text : `${text.slice(0, MAXIMUM_SHOWN).toWellFormed()}…`;
}

/** The parts of the text in order; `unclosed` is where an expression begins that never ends. */
export function partsOf(text: string): { readonly parts: readonly TextPart[] } | { readonly unclosed: number } {
  const parts: TextPart[] = [];
  let from = 0;
  for (;;) {
    const open = text.indexOf(OPEN, from);
    if (open < 0) break;
    if (open > from) parts.push({ is: 'text', text: text.slice(from, open) });
    const end = endOfExpression(text, open + OPEN.length);
    if (end === undefined) return { unclosed: open };
    parts.push({ is: 'expression', source: text.slice(open + OPEN.length, end), at: open + OPEN.length });
    from = end + 2;
  }
  if (from < text.length) parts.push({ is: 'text', text: text.slice(from) });
  return { parts };
}

/** Where `}}` closes what began: not within quotes, and not where it closes maps of the expression itself. */
function endOfExpression(text: string, from: number): number | undefined {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === '"' || character === "'") {
      const end = endOfQuote(text, at, character);
      if (end === undefined) return undefined;
      at = end;
    } else if (character === '{') depth += 1;
    else if (character === '}') {
      if (depth === 0) return text.charAt(at + 1) === '}' ? at : undefined;
      depth -= 1;
    }
  }
  return undefined;
}

function endOfQuote(text: string, from: number, quote: string): number | undefined {
  for (let at = from + 1; at < text.length; at++) {
    if (text.charAt(at) === '\\') at += 1;
    else if (text.charAt(at) === quote) return at;
  }
  return undefined;
}
