/** The sentences of the CEL library in the words of the pipeline language. */

const TYPE =
  /dyn<(?<inner>[^<>]*(?:<[^<>]*>)?)>|list<(?<of>string|double|int|bool)>|(?<list>list(?:<[^<>]*(?:<[^<>]*>)?>)?)(?!\w)|(?<map>map(?:<[^<>]*(?:<[^<>]*>)?>)?)(?!\w)|google\.protobuf\.(?<time>Timestamp|Duration)|\b(?<number>double|int|uint)\b|\b(?<text>string)\b|\b(?<truth>bool)\b|\b(?<any>dyn)\b/gu;

/** The names of types in the text as people call them. */
function typesIn(text: string): string {
  return text.replaceAll(TYPE, (...match: unknown[]) => {
    const found = match.at(-1) as { readonly [group: string]: string | undefined };
    if (found.inner !== undefined) return typesIn(found.inner);
    if (found.of !== undefined) return LISTS[found.of] ?? 'a list';
    if (found.list !== undefined) return 'a list';
    if (found.map !== undefined) return 'a map';
    if (found.time !== undefined) return found.time === 'Timestamp' ? 'a time' : 'a span of time';
    if (found.number !== undefined) return 'a number';
    if (found.text !== undefined) return 'text';
    return found.truth === undefined ? 'anything' : 'true or false';
  });
}

const LISTS: { readonly [of: string]: string } = {
  string: 'a list of texts',
  double: 'a list of numbers',
  int: 'a list of numbers',
};

type Rule = readonly [RegExp, (...parts: readonly string[]) => string];

const RULES: readonly Rule[] = [
  [/^no such overload: ([!-])(\S.*)$/iu, (operator, right = '') => `"${operator}" does not take ${typesIn(right)}`],
  [
    /^no such overload: (.+?) (==|!=|<=?|>=?|[-+*/%]|in) (.+)$/iu,
    (left, operator, right) => ofOperator(left, operator, right),
  ],
  [
    /^ternary branches must have the same type, got '(.*)' and '(.*)'$/iu,
    (one = '', other = '') =>
      `what stands before and after ":" must be of one type, not ${typesIn(one)} and ${typesIn(other)}`,
  ],
  [
    /^ternary condition must be bool, got '(.*)'$/iu,
    (type = '') => `what stands before "?" must be true or false, not ${typesIn(type)}`,
  ],
  [
    /^logical operator requires bool operands, got '(.*)'$/iu,
    (type = '') => `"&&" and "||" take true or false, not ${typesIn(type)}`,
  ],
  [
    /^found no matching overload for 'wholeNumber\((.*)\)'$/iu,
    (type = '') => `a number is wanted here, not ${typesIn(type)}`,
  ],
  [
    /^found no matching overload for 'placeOf\((.*)\)'$/iu,
    (type = '') => `what stands between "[" and "]" must be a number or text, not ${typesIn(type)}`,
  ],
  [
    /^found no matching overload for '(?:(.*)\.)?(\w+)\((.*)\)'$/iu,
    (on = '', name = '', given = '') => {
      const called = name === 'matchesPattern' ? 'matches' : name;
      const parts = given === '' ? 'nothing' : typesIn(given);
      return on === '' ? `"${called}" does not take ${parts}` : `"${called}" of ${typesIn(on)} does not take ${parts}`;
    },
  ],
  [
    /^no such key: index out of bounds, index (-?\d+) >= size (\d+)$/iu,
    (index, size) => `the list has no entry ${index}; it has ${size}, counted from 0`,
  ],
  [/^no such key: index out of bounds, index (-?\d+).*$/iu, (index) => `the list has no entry ${index}`],
  [/^no such key: (.*)$/iu, (key) => `the map has no "${key}"`],
  [/^cannot index type '(.*)'$/iu, (type = '') => `${typesIn(type)} has no entries`],
  [/^unknown variable: (.*)$/iu, (name) => `"${name}": nothing is called so here`],
  [/^has\(\) invalid argument$/iu, () => 'has(…) takes the name of something that may be there: has(stages.a.b)'],
  [/^int\(\) type error: .*$/iu, () => 'int(…) was given text that is no whole number'],
  [/^double\(\) type error: .*$/iu, () => 'double(…) was given text that is no number'],
  [/^bool\(\) conversion error: .*$/iu, () => 'bool(…) was given text that is neither true nor false'],
  [/^expected (\S+), got (\S+)$/iu, (wanted = '', got = '') => `${sign(wanted)} is expected, not ${sign(got)}`],
  [
    /^unexpected token: (\S+)$/iu,
    (token = '') => (token === 'EOF' ? 'it ends too soon' : `${sign(token)} is not expected`),
  ],
  [/^unexpected character: (.*)$/iu, (character) => `"${character}" is not expected`],
  [/^unterminated .*$/iu, () => 'a text has no closing quote'],
  [/^exceeded maxAstNodes \((\d+)\)$/iu, (limit) => `it has more than ${limit} parts`],
  [/^exceeded maxDepth \((\d+)\)$/iu, (limit) => `it is nested more than ${limit} deep`],
  [/^exceeded (\w+) \((\d+)\)$/iu, (_what, limit) => `it has more than ${limit} elements in one list, map or call`],
  [
    /^(\w+)\(var, .*\) invalid predicate iteration variable$/iu,
    (name) => `the first part of "${name}" is a name for each entry: ${name}(entry, …)`,
  ],
];

/** What the library says about an expression, as a sentence for its author. */
export function inWords(summary: string): string {
  for (const [pattern, words] of RULES) {
    const found = pattern.exec(summary);
    if (found !== null) return words(...found.slice(1).map((part) => part ?? ''));
  }
  return typesIn(lowerFirst(summary));
}

function ofOperator(left = '', operator = '', right = ''): string {
  const [one, other] = [typesIn(left), typesIn(right)];
  const isText = one === 'text' || other === 'text';
  const isNumber = one === 'a number' || other === 'a number';
  const hint = isText && isNumber ? '; string(…) makes text of a number, double(…) a number of text' : '';
  switch (operator) {
    case '==':
    case '!=':
      return `${one} and ${other} are never equal${hint}`;
    case 'in':
      return `${one} cannot be in ${other}`;
    case '<':
    case '<=':
    case '>':
    case '>=':
      return `${one} and ${other} have no order${hint}`;
    default:
      return `"${operator}" does not take ${one} and ${other}${hint}`;
  }
}

/** What the parser calls the signs that it reads. */
const SIGNS: { readonly [token: string]: string } = {
  EOF: 'its end',
  IDENTIFIER: 'a name',
  NUMBER: 'a number',
  STRING: 'text',
  BOOLEAN: 'true or false',
  BYTES: 'text',
  NULL: 'null',
  DOT: '"."',
  COMMA: '","',
  COLON: '":"',
  QUESTION: '"?"',
  LPAREN: '"("',
  RPAREN: '")"',
  LBRACKET: '"["',
  RBRACKET: '"]"',
  LBRACE: '"{"',
  RBRACE: '"}"',
  PLUS: '"+"',
  MINUS: '"-"',
  MULTIPLY: '"*"',
  DIVIDE: '"/"',
  MODULO: '"%"',
  EQ: '"=="',
  NE: '"!="',
  LT: '"<"',
  LE: '"<="',
  GT: '">"',
  GE: '">="',
  AND: '"&&"',
  OR: '"||"',
  NOT: '"!"',
  IN: '"in"',
};

function sign(token: string): string {
  return SIGNS[token] ?? token;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
