/**
 * Writes the tree of an expression as CEL again. Trees, not texts, are changed: the parser's positions do not tell
 * where the brackets around a part are.
 */
import type { ASTNode } from '@marcbachmann/cel-js';
import type { Json } from '../../core/json.ts';

/** Where in the written text the parts of the original are, in rising order. */
type Mark = { readonly at: number; readonly from: number };

export type Written = {
  readonly text: string;
  /** The position in the original of what stands at one in the text. */
  original(at: number): number;
};

/** CEL in place of a node; undefined leaves it as it is. */
export type Replace = (node: ASTNode, write: (part: ASTNode) => void, put: (text: string) => void) => boolean;

const BINARY: { readonly [operator: string]: number } = {
  '||': 2,
  '&&': 3,
  '==': 4,
  '!=': 4,
  '<': 4,
  '<=': 4,
  '>': 4,
  '>=': 4,
  in: 4,
  '+': 5,
  '-': 5,
  '*': 6,
  '/': 6,
  '%': 6,
};
const TERNARY = 1;
const UNARY = 7;
const POSTFIX = 8;

/** Writes the tree. Where `replace` returns true, it has put something else for the node, which must stand as one. */
export function writeTree(tree: ASTNode, replace: Replace): Written {
  const marks: Mark[] = [];
  let text = '';
  const put = (part: string): void => {
    text += part;
  };
  const list = (parts: readonly ASTNode[]): void => {
    for (const [index, part] of parts.entries()) {
      if (index > 0) put(', ');
      write(part, 0);
    }
  };
  const write = (node: ASTNode, least: number): void => {
    const isLoose = strength(node) < least;
    if (isLoose) put('(');
    marks.push({ at: text.length, from: node.start });
    if (!replace(node, (part) => write(part, 0), put)) plain(node);
    if (isLoose) put(')');
  };
  const plain = (node: ASTNode): void => {
    switch (node.op) {
      case 'value':
        put(literal(node.args));
        break;
      case 'id':
        put(node.args);
        break;
      case '.':
      case '.?':
        write(node.args[0], POSTFIX);
        put(`.${node.args[1]}`);
        break;
      case '[]':
      case '[?]':
        write(node.args[0], POSTFIX);
        put('[');
        write(node.args[1], 0);
        put(']');
        break;
      case 'call':
        put(`${node.args[0]}(`);
        list(node.args[1]);
        put(')');
        break;
      case 'rcall':
        write(node.args[1], POSTFIX);
        put(`.${node.args[0]}(`);
        list(node.args[2]);
        put(')');
        break;
      case 'list':
        put('[');
        list(node.args);
        put(']');
        break;
      case 'map':
        put('{');
        for (const [index, [key, value]] of node.args.entries()) {
          if (index > 0) put(', ');
          write(key, 0);
          put(': ');
          write(value, 0);
        }
        put('}');
        break;
      case '!_':
      case '-_':
        put(node.op.charAt(0));
        write(node.args, POSTFIX);
        break;
      case '?:':
        write(node.args[0], TERNARY + 1);
        put(' ? ');
        write(node.args[1], TERNARY + 1);
        put(' : ');
        write(node.args[2], TERNARY);
        break;
      default: {
        const own = BINARY[node.op] ?? POSTFIX;
        write(node.args[0], own);
        put(` ${node.op} `);
        write(node.args[1], own + 1);
        break;
      }
    }
  };
  write(tree, 0);
  return {
    text,
    original: (at) => marks.findLast((mark) => mark.at <= at)?.from ?? 0,
  };
}

function strength({ op }: ASTNode): number {
  if (op === '?:') return TERNARY;
  if (op === '!_' || op === '-_') return UNARY;
  return BINARY[op] ?? POSTFIX;
}

function literal(value: unknown): string {
  if (typeof value === 'string') return celText(value);
  if (typeof value === 'number') return numberText(value);
  return String(value);
}

/** A value as CEL writes it, so that it can stand anywhere. */
export function celOf(value: Json): string {
  if (typeof value === 'string') return celText(value);
  if (typeof value === 'number') return value < 0 ? `(${numberText(value)})` : numberText(value);
  if (Array.isArray(value)) return `[${value.map((item: Json) => celOf(item)).join(', ')}]`;
  if (value === null || typeof value !== 'object') return String(value);
  return `{${Object.entries(value)
    .map(([name, item]) => `${celText(name)}: ${celOf(item ?? null)}`)
    .join(', ')}}`;
}

/** Every number is a fraction to CEL, or it would not go together with others. */
export function numberText(value: number): string {
  const text = String(value);
  return /[.e]/u.test(text) ? text : `${text}.0`;
}

/** In ASCII, so that every position in the result is the same in bytes and characters. */
export function celText(text: string): string {
  return JSON.stringify(text).replaceAll(/[^\x20-\x7e]/gu, (character) => {
    const point = character.codePointAt(0) ?? 0;
    return point > 0xffff ? `\\U${point.toString(16).padStart(8, '0')}` : `\\u${point.toString(16).padStart(4, '0')}`;
  });
}

const CHAIN = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\["[^"\\]*"\])*$/u;

/** CEL that stands as one wherever it is put. */
export function bracketed(cel: string): string {
  return CHAIN.test(cel) ? cel : `(${cel})`;
}
