/** Files that nobody writes by mistake: each would keep a careless reader busy, or fill its memory. */

const MEBIBYTE = 1024 * 1024;
/** The largest file that is read at all. */
const FULL = 256 * 1024;
/** Written in parts, because a linter takes the whole for a template string. */
const OPEN = '${' + '{';
const expression = (cel: string): string => `${OPEN} ${cel} }}`;

const ECHO = 'pipeline: p\nstages:\n';
const stage = (id: string, fields: string): string => `  ${id}: { uses: echo, ${fields} }\n`;
/** As many of the parts as a file may have. */
function full(part: (index: number) => string, begin = ''): string {
  let text = begin;
  for (let index = 0; ; index += 1) {
    const next = part(index);
    if (text.length + next.length > FULL - 100) return text;
    text += next;
  }
}

function bomb(): string {
  const lines = ['a: &a [x, x, x, x, x, x, x, x, x]'];
  for (const [index, name] of [...'bcdefghijklmnop'].entries()) {
    const before = `*${'abcdefghijklmno'[index]}`;
    lines.push(`${name}: &${name} [${Array.from({ length: 9 }, () => before).join(', ')}]`);
  }
  return lines.join('\n');
}

const LONG_ID = (index: number): string => `${'abcdefghij'.repeat(5)}${index}`;

export const HOSTILE_FILES: { readonly [name: string]: () => string } = {
  'a file of 10 MB': () => `pipeline: ${'x'.repeat(10 * MEBIBYTE)}`,
  'a file of 10 MB of brackets': () => '['.repeat(10 * MEBIBYTE),
  'a bomb of aliases': bomb,
  'a bomb of merged aliases': () => bomb().replaceAll('[', '[{"<<": 1}, '),
  'an alias to itself': () => 'pipeline: p\nstages: &s { a: *s }\n',
  'anchors without end': () => full((index) => `a${index}: &a${index} *a${index - 1}\n`, 'a: &a-1 x\n'),
  'as many anchors as fit': () => full((index) => `a${index}: &a${index} x\n`),
  'as many aliases as fit': () => full(() => '- *a\n', '- &a { x: [1, 2, 3] }\n'),
  'lists in lists': () => '['.repeat(200_000),
  'maps in maps': () => '{a: '.repeat(60_000),
  'lists in lists that close': () => '['.repeat(100_000) + ']'.repeat(100_000),
  'compact lists': () => `${'- '.repeat(120_000)}a`,
  'compact keys': () => `${'? '.repeat(120_000)}a`,
  'compact values': () => `${': '.repeat(120_000)}a`,
  'nested indentation': () => Array.from({ length: 700 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join(''),
  'tags without end': () => `a: ${'!!map '.repeat(40_000)}`,
  'quotes without end': () => `a: ${'"'.repeat(FULL - 10)}`,
  'a key of its own size': () => `? ${'x'.repeat(FULL - 20)}\n: 1\n`,
  'tabs and carriage returns': () => '\t\r'.repeat(FULL / 2),
  'control characters': () => '\u0000\u0001\uFEFF'.repeat(40_000),
  'half of a character': () => `pipeline: ${'\ud800'.repeat(60_000)}`,
  'the same key again and again': () => full(() => 'pipeline: p\n'),
  'unknown fields': () => full((index) => `key_${index}: 1\n`),
  'names that every object has': () =>
    `pipeline: p\n__proto__: { a: 1 }\nconstructor: { prototype: {} }\nstages:\n  __proto__: { uses: echo }\n  constructor: { uses: echo, with: { __proto__: { any: 1 }, toString: 1 }, needs: [__proto__, hasOwnProperty] }\n`,
  'as many documents as fit': () => '--- a\n'.repeat(40_000),
  'as many stages as fit': () => full((index) => stage(`s${index}`, 'needs: x'), ECHO),
  'stages that all need each other': () => {
    const ids = Array.from({ length: 400 }, (_, index) => `s${index}`);
    const first = `  s: { uses: echo, needs: &all [${ids.join(', ')}] }\n`;
    return `${ECHO}${first}${ids
      .slice(1)
      .map((id) => stage(id, 'needs: *all'))
      .join('')}`;
  },
  'needs that are nearly right': () => {
    const ids = Array.from({ length: 398 }, (_, index) => LONG_ID(index));
    const known = ids.map((id) => stage(id, 'with: {}')).join('');
    return full((index) => `, ${LONG_ID(index)}x`, `${ECHO}${known}  last: { uses: echo, needs: [a`).concat('] }\n');
  },
  'references that are nearly right': () => {
    const ids = Array.from({ length: 300 }, (_, index) => LONG_ID(index));
    const known = ids.map((id) => stage(id, 'with: {}')).join('');
    const begin = `${ECHO}${known}  last: { uses: echo, needs: [${ids.slice(0, 150).join(', ')}], with: { any: ["a"`;
    return full((index) => `, "${expression(`stages.${LONG_ID(index)}x.text`)}"`, begin).concat('] } }\n');
  },
  'an expression without end': () => `${ECHO}${stage('a', `with: { text: "${OPEN}${' '.repeat(200_000)}" }`)}`,
  'expressions that begin and never end': () => `${ECHO}${stage('a', `with: { text: "${OPEN.repeat(60_000)}" }`)}`,
  'an expression of 200,000 characters': () =>
    `${ECHO}${stage('a', `with: { text: "${expression('1+'.repeat(100_000))}" }`)}`,
  'an expression of brackets': () => `${ECHO}${stage('a', `with: { text: "${expression('('.repeat(3_900))}" }`)}`,
  'an expression of signs': () => `${ECHO}${stage('a', `with: { text: "${expression(`${'!'.repeat(3_900)}true`)}" }`)}`,
  'an expression of choices': () =>
    `${ECHO}${stage('a', `with: { text: "${expression(`${'true ? '.repeat(500)}1`)}" }`)}`,
  'thousands of expressions': () => {
    const begin = `${ECHO}  a: { uses: echo, with: { any: [1`;
    return full((index) => `, "${expression(`inputs.x${index} + 1`)}"`, begin).concat('] } }\n');
  },
  'thousands of right expressions': () => {
    const begin = `${ECHO}  a: { uses: echo, with: { any: [1`;
    return full((index) => `, "${expression(`pipeline.name + "${index}"`.replaceAll('"', "'"))}"`, begin).concat(
      '] } }\n',
    );
  },
  'text of thousands of expressions': () => {
    const text = Array.from({ length: 20_000 }, () => expression('x')).join('');
    return `${ECHO}${stage('a', `with: { text: "${text}" }`)}`;
  },
  'a pattern that backtracks for ever': () =>
    `pipeline: p\ninputs: { a: { type: string, pattern: "(a+)+$", default: "${'a'.repeat(9_000)}!" } }\nstages: { a: { uses: echo } }\n`,
  'a pattern that repeats repetitions': () =>
    full(
      (index) => `  a${index}: { type: string, pattern: "((x{1,100}){1,100}){1,10}", default: a }\n`,
      'pipeline: p\ninputs:\n',
    ).concat('stages: { a: { uses: echo } }\n'),
  'as many inputs as fit': () =>
    full((index) => `  a${index}: { type: list }\n`, 'pipeline: p\ninputs:\n').concat(
      'stages: { a: { uses: echo } }\n',
    ),
  'inputs in inputs': () =>
    `pipeline: p\ninputs: { a: ${'{ type: object, fields: { b: '.repeat(15)}{ type: string }${' } }'.repeat(15)} }\nstages: { a: { uses: echo } }\n`,
  'lists of lists of inputs': () =>
    `pipeline: p\ninputs: { a: ${'{ type: list, of: '.repeat(30)}{ type: string }${' }'.repeat(30)} }\nstages: { a: { uses: echo } }\n`,
};
