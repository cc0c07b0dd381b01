import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../core/json.ts';
import { newBudget } from './cost.ts';
import { checkExpression, evaluateExpression } from './evaluate.ts';
import { partAt } from './resolve.ts';
import { ExpressionProblem, parseExpression, type Reference } from './syntax.ts';
import { nameOfType, type Type } from './types.ts';
import { celOf } from './write.ts';

const TEXT: Type = { is: 'text' };
const NUMBER: Type = { is: 'number' };
const TYPES: { readonly [name: string]: Type } = {
  text: TEXT,
  number: NUMBER,
  truth: { is: 'boolean' },
  anything: { is: 'any' },
  texts: { is: 'list', of: TEXT },
  numbers: { is: 'list', of: NUMBER },
  people: { is: 'list', of: { is: 'object', fields: { name: TEXT } } },
  map: { is: 'map', of: { is: 'any' } },
};
const VALUES: { readonly [name: string]: Json } = {
  text: 'héllo 😀',
  number: 3,
  truth: true,
  anything: 0,
  texts: ['a', 'b'],
  numbers: [1, 2.5, 3],
  people: [{ name: 'Aki' }, { name: 'Bo' }],
  map: { 'a-b': 1, ü: { y: 2 }, constructor: 'own' },
};

const typeOfName = ({ path: [name = ''] }: Reference): Type => TYPES[name] ?? { is: 'any' };
const evaluate = (source: string): Json =>
  evaluateExpression(parseExpression(source), ({ path }) => partAt(VALUES, path));
const typeOf = (source: string): string => nameOfType(checkExpression(parseExpression(source), typeOfName));

/** Where and what is wrong, as `4: sentence`. */
function problemOf(work: () => unknown): string {
  try {
    return `nothing: ${JSON.stringify(work())}`;
  } catch (error) {
    if (error instanceof ExpressionProblem) return `${error.at}: ${error.message}`;
    throw error;
  }
}

describe('an expression gives', () => {
  it.each<[string, Json]>([
    ['inputs.number == 3', true],
    ['3 == inputs.number', true],
    ['inputs.number >= 2.5 && inputs.number < 4', true],
    ['7 / 2', 3.5],
    ['7 % 2', 1],
    ['inputs.number - (1 - 2)', 4],
    ['inputs.number - 1 - 2', 0],
    ['-(inputs.number) + - -3', 0],
    ['(inputs.truth ? 1 : 2) + 1', 2],
    ['inputs.truth ? 5 : inputs.number', 5],
    ['!(inputs.truth && false) || false', true],
    ['inputs.number + size(inputs.texts)', 5],
    ['inputs.texts[inputs.number - 2]', 'b'],
    ['(inputs.texts + ["c"])[2]', 'c'],
    ['inputs.numbers + [4]', [1, 2.5, 3, 4]],
    ['3 in inputs.numbers', true],
    ['inputs.numbers == [1, 2.5, 3]', true],
    ['inputs.numbers.map(n, n + 1).filter(n, n > 2)', [3.5, 4]],
    ['inputs.people.map(person, person.name).join(", ")', 'Aki, Bo'],
    ['inputs.people.exists(person, has(person.age))', false],
    ['inputs.text.substring(0, inputs.number)', 'hél'],
    ['inputs.text.indexOf("l") + 1', 3],
    ['inputs.text.split("l")', ['hé', '', 'o 😀']],
    ['inputs.text.size()', 7],
    ['inputs.text.matches("^h.*😀$")', true],
    ['string(inputs.number) + string(2.5) + string(true)', '32.5true'],
    ['int("12") + int(2.7)', 14],
    ['inputs.map["a-b"]', 1],
    ['inputs.map["ü"].y', 2],
    ['inputs.map.constructor', 'own'],
    ['has(inputs.map.zz)', false],
    ['has(inputs.map["a-b"])', true],
    ['has(inputs.map.toString)', false],
    ['((inputs)).text == (inputs.text)', true],
    ['(inputs.map)["a-b"]', 1],
    ['inputs.anything == null', false],
    ['inputs.anything == "a"', false],
    ['{"a": [1, inputs.number]}', { a: [1, 3] }],
    ['"\\u00e9" == "é"', true],
    ['timestamp("2026-01-02T03:04:05Z").getFullYear()', 2026],
    ['string(timestamp("2026-01-02T03:04:05Z"))', '2026-01-02T03:04:05.000Z'],
    ['inputs', VALUES],
    // A comment ends with its line.
    ['1 // one\n + 1', 2],
  ])('%s', (source, value) => {
    expect(evaluate(source)).toEqual(value);
  });

  it('numbers as they are, however they are written', () => {
    expect(['1e21', '1e-7', '-0.0', '9007199254740991', '0x10'].map((source) => evaluate(source))).toEqual([
      1e21, 1e-7, -0, 9007199254740991, 16,
    ]);
  });

  it('any JSON value that is put in as CEL', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        fc.pre(!JSON.stringify(value).includes('"__proto__":'));
        const back = evaluate(`[${celOf(value as Json)}][0]`);
        expect(JSON.stringify(back)).toBe(JSON.stringify(JSON.parse(JSON.stringify(value))));
      }),
    );
  });
});

describe('the type of an expression is', () => {
  it.each([
    ['inputs.number + 1', 'a number'],
    ['inputs.truth ? 5 : size(inputs.text)', 'a number'],
    ['inputs.texts[0]', 'text'],
    ['inputs.texts.map(t, t + "!")', 'a list of texts'],
    ['inputs.numbers + [1]', 'a list of numbers'],
    ['inputs.anything', 'anything'],
    ['inputs.text == "a"', 'true or false'],
    ['{"a": 1}', 'a map'],
    ['null', 'null'],
  ])('%s: %s', (source, type) => {
    expect(typeOf(source)).toBe(type);
  });
});

const SUM = '; string(…) makes text of a number, double(…) a number of text';

describe('a wrong expression is told with its place:', () => {
  it.each([
    ['', '0: is empty'],
    ['1 +', '3: is not an expression: it ends too soon'],
    ['inputs..text', '7: is not an expression: a name is expected, not "."'],
    ['(1', '2: is not an expression: ")" is expected, not its end'],
    ['"abc', '0: is not an expression: a text has no closing quote'],
    ['1 $ 2', '2: is not an expression: "$" is not expected'],
    ['1u', '0: only text and numbers can be written; leave out the "u" or "b"'],
    ['{"__proto__": 1}', '1: "__proto__" cannot be used as a name'],
    ['1 + 9007199254740993', '4: the number 9007199254740993 is too large to be kept exactly'],
    [
      'env.HOME',
      '0: "env": nothing is called so here; what can be named is inputs, trigger, images, pipeline, target, stages, execution',
    ],
    ['input.text', '0: "input": nothing is called so here; did you mean "inputs"?'],
    ['1 + process', /^4: "process": nothing is called so here/],
    ['siz(inputs.text)', '0: "siz": no such function; did you mean "size"?'],
    ['trim(inputs.text)', '0: "trim": no such function; it stands behind a value: value.trim(…)'],
    ['inputs.text.trimm()', '0: "trimm": no value has a method of this name; did you mean "trim"?'],
    ['cel.bind(x, 1, x)', /"bind": no value has a method of this name/],
    ['inputs.texts.map(inputs, 1)', '17: "inputs" has a meaning already; take another name'],
    [
      'inputs.texts.map(1, 2)',
      '17: is not an expression: the first part of "map" is a name for each entry: map(entry, …)',
    ],
    ['inputs.text + 1', `0: "+" does not take text and a number${SUM}`],
    ['"é😀" + inputs.texts', '0: "+" does not take text and a list of texts'],
    ['"é😀" == (inputs.number + "a")', `10: "+" does not take a number and text${SUM}`],
    ['inputs.number == "3"', `0: a number and text are never equal${SUM}`],
    ['inputs.number < inputs.text', `0: a number and text have no order${SUM}`],
    ['inputs.number in inputs.texts', '0: a number cannot be in a list of texts'],
    ['!inputs.text', '0: "!" does not take text'],
    ['inputs.truth && inputs.number', '0: "&&" and "||" take true or false, not a number'],
    ['inputs.text ? 1 : 2', '0: what stands before "?" must be true or false, not text'],
    ['inputs.truth ? "a" : 1', '0: what stands before and after ":" must be of one type, not text and a number'],
    ['inputs.text.substring("x")', '0: a number is wanted here, not text'],
    ['inputs.texts[inputs.texts]', '0: what stands between "[" and "]" must be a number or text, not a list of texts'],
    ['inputs.texts.join(1)', '0: "join" of a list does not take a number'],
    ['string(inputs.texts)', '0: "string" does not take a list of texts'],
    ['has(1)', '4: has(…) takes the name of something that may be there: has(stages.a.b)'],
    ['timestamp("2026-01-02T03:04:05Z")', '0: gives a time; make text of it with string(…)'],
    ['duration("1h")', '0: gives a span of time; take a number of it, as with getMinutes()'],
  ])('%s', (source, expected) => {
    const told = problemOf(() => checkExpression(parseExpression(source), typeOfName));
    if (typeof expected === 'string') expect(told).toBe(expected);
    else expect(told).toMatch(expected);
  });

  it.each([
    ['inputs.map.nope', '0: inputs.map.nope is not there'],
    ['inputs.map["no pe"]', '0: inputs.map["no pe"] is not there'],
    ['inputs.texts[5]', '0: the list has no entry 5; it has 2, counted from 0'],
    ['inputs.people.map(person, person.constructor)', '26: the map has no "constructor"'],
    ['inputs.people.map(person, person.__proto__)', '26: the map has no "__proto__"'],
    ['inputs.people.map(person, person["toString"])', /the map has no "toString"/],
    ['1 / 0', '0: gives no finite number'],
    ['inputs.text.substring(0.5)', /a whole number is wanted here, not 0.5/],
    ['int("x")', '0: int(…) was given text that is no whole number'],
    ['inputs.text.matches("(")', /missing closing \)/],
  ])('%s, when it is evaluated', (source, expected) => {
    const told = problemOf(() => evaluate(source));
    if (typeof expected === 'string') expect(told).toBe(expected);
    else expect(told).toMatch(expected);
  });
});

describe('no expression takes for ever:', () => {
  const long = (length: number): Json => Array.from({ length }, (_, index) => `entry ${index}`);
  const run = (source: string, value: Json): string =>
    problemOf(() => evaluateExpression(parseExpression(source), () => value));
  const nested = 'inputs.l.map(a, inputs.l.map(b, inputs.l.map(c, a + b + c)))';

  it.each([
    ['comprehensions within each other', nested, long(200)],
    [
      'looking through a list for each of its entries',
      'inputs.l.filter(a, inputs.l.exists(b, b in inputs.l))',
      long(200),
    ],
    ['text that doubles', `inputs.l${'.map(a, a + a)'.repeat(25)}`, long(200)],
    ['a text that is searched for another as long', 'inputs.l.contains(inputs.l)', 'a'.repeat(5_000)],
  ])('%s', (_what, source, value) => {
    expect(run(source, value)).toBe('0: could take more than 2000000 steps; make it simpler');
  });

  it('what is only long is taken', () => {
    const text = 'word '.repeat(200);
    expect(
      evaluateExpression(parseExpression('inputs.t.split(" ").map(w, w.trim()).join("-")'), () => text),
    ).toHaveLength(1_000);
  });

  it('patterns take time in proportion to the text, whatever they are', () => {
    expect(evaluateExpression(parseExpression('inputs.t.matches("^(a+)+$")'), () => `${'a'.repeat(4_000)}b`)).toBe(
      false,
    );
    expect(problemOf(() => evaluate(`inputs.text.matches("${'a'.repeat(501)}")`))).toMatch(/at most 500 are allowed/);
  });

  it.each(['a{50}', '(a{2,50}b){3}', 'a{50,}'])('a pattern may ask for up to 50 of a part: %s', (pattern) => {
    expect(evaluate(`inputs.text.matches("${pattern}")`)).toBe(false);
  });

  it.each(['a{51}', 'a{2,51}', 'a{51,}', '(a{1,3}b{999}){2}'])('and not for more: %s', (pattern) => {
    expect(problemOf(() => evaluate(`inputs.text.matches("${pattern}")`))).toMatch(
      /repeats something more than 50 times/,
    );
  });

  it('nor for a part of which each part is repeated', () => {
    expect(problemOf(() => evaluate('inputs.text.matches("((a{50}){50}){50}")'))).toMatch(/invalid repeat count/);
  });

  it('expressions that are evaluated together share what they may take', () => {
    const budget = newBudget();
    const { left } = budget;
    const costly = parseExpression('inputs.l.filter(a, inputs.l.exists(b, b == a))');
    const list = Array.from({ length: 500 }, (_, index) => index);
    const take = (): unknown => evaluateExpression(costly, () => list, budget);
    take();
    const cost = left - budget.left;
    expect(cost).toBeGreaterThan(list.length ** 2);
    for (let times = 2; times <= Math.floor(left / cost); times += 1) take();
    const spent = budget.left;
    expect(problemOf(take)).toBe(
      '0: could take more steps than the 10000000 that all expressions of a plan may take together',
    );
    // One that is refused takes nothing from those that fit.
    expect(budget.left).toBe(spent);
    expect(evaluateExpression(parseExpression('1 + 1'), () => undefined, budget)).toBe(2);
  });

  it.each([
    ['too long', `"${'a'.repeat(4_001)}"`, /has 4003 characters; an expression has at most 4000/],
    ['too many parts', `[${'1,'.repeat(500)}1]`, /is too large: it has more than 400/],
    ['too deep', `${'('.repeat(200)}1${')'.repeat(200)}`, /is too large: it is nested more than 60 deep/],
    [
      'too many references',
      Array.from({ length: 61 }, (_, index) => `inputs.i${index}`).join(' + '),
      /more than 60 things/,
    ],
  ])('%s', (_what, source, expected) => {
    expect(problemOf(() => checkExpression(parseExpression(source), () => NUMBER))).toMatch(expected);
  });
});
