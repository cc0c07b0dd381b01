/**
 * What an expression may cost at most, worked out from its tree and the sizes of what it refers to, before it is
 * evaluated: comprehensions within comprehensions and texts that grow in each of them would take for ever.
 */
import type { ASTNode } from '@marcbachmann/cel-js';
import type { Json } from '../../core/json.ts';
import { COMPREHENSIONS, type Expression, ExpressionProblem } from './syntax.ts';

/** Steps of evaluation; a step takes well under a microsecond. */
const MAXIMUM_COST = 2_000_000;

/** Of a text: its characters. Of a list or map: how many elements, and how large one is at most. */
type Size = { readonly count: number; readonly element: Size | undefined };

const ATOM: Size = { count: 1, element: undefined };

/** Throws ExpressionProblem where evaluating it could take more than the limit. */
export function checkCost(expression: Expression, valueAt: (start: number, end: number) => Json | undefined): void {
  const references = new Map(expression.references.map(({ start, end }) => [`${start}-${end}`, valueAt(start, end)]));
  let cost = 0;
  const pay = (steps: number): void => {
    cost += steps;
    if (cost > MAXIMUM_COST) {
      throw new ExpressionProblem(`could take more than ${MAXIMUM_COST} steps; make it simpler`, 0);
    }
  };
  const visit = (node: ASTNode, bound: ReadonlyMap<string, Size>, times: number): Size => {
    pay(times);
    const key = `${node.start}-${node.end}`;
    if (references.has(key)) return sizeOf(references.get(key) ?? null);
    switch (node.op) {
      case 'value':
        return typeof node.args === 'string' ? textOf(node.args.length) : ATOM;
      case 'id':
        return bound.get(node.args) ?? ATOM;
      case '.':
      case '.?':
        return visit(node.args[0], bound, times).element ?? ATOM;
      case '[]':
      case '[?]':
        visit(node.args[1], bound, times);
        return visit(node.args[0], bound, times).element ?? ATOM;
      case 'list':
        return listOf(node.args.map((item) => visit(item, bound, times)));
      case 'map':
        return listOf(node.args.flatMap((pair) => pair.map((part) => visit(part, bound, times))));
      case '!_':
      case '-_':
        visit(node.args, bound, times);
        return ATOM;
      case 'call':
        return ofCall(
          node.args[0],
          node.args[1].map((part) => visit(part, bound, times)),
          times,
        );
      case 'rcall':
        return ofMethod(node.args[0], node.args[1], node.args[2], bound, times);
      case '?:': {
        visit(node.args[0], bound, times);
        return larger(visit(node.args[1], bound, times), visit(node.args[2], bound, times));
      }
      case '+': {
        const [left, right] = [visit(node.args[0], bound, times), visit(node.args[1], bound, times)];
        const sum = { count: left.count + right.count, element: largerElement(left, right) };
        pay(times * sum.count);
        return sum;
      }
      default: {
        const sizes = node.args.map((part) => visit(part, bound, times));
        pay(times * Math.min(...sizes.map(weight)));
        return ATOM;
      }
    }
  };
  const ofCall = (name: string, sizes: readonly Size[], times: number): Size => {
    const total = sizes.reduce((sum, size) => sum + weight(size), 0);
    pay(times * total);
    return name === 'string' ? textOf(total + NUMBER_CHARACTERS) : ATOM;
  };
  const ofMethod = (
    name: string,
    receiver: ASTNode,
    given: readonly ASTNode[],
    bound: ReadonlyMap<string, Size>,
    times: number,
  ): Size => {
    const on = visit(receiver, bound, times);
    const [element, ...rest] = given;
    if (COMPREHENSIONS.has(name) && element?.op === 'id') {
      const within = new Map([...bound, [element.args, on.element ?? ATOM]]);
      const sizes = rest.map((part) => visit(part, within, times * on.count));
      if (name === 'map') return { count: on.count, element: sizes.at(-1) ?? ATOM };
      return name === 'filter' ? on : ATOM;
    }
    const sizes = given.map((part) => visit(part, bound, times));
    // Searching a text for another takes the product of their lengths at worst.
    pay(times * weight(on) * Math.max(1, ...sizes.map(weight)));
    if (name === 'split') return { count: on.count + 1, element: textOf(on.count) };
    if (name === 'join') return textOf(on.count * ((on.element?.count ?? 1) + (sizes[0]?.count ?? 0)));
    return ['substring', 'trim', 'lowerAscii', 'upperAscii'].includes(name) ? on : ATOM;
  };
  visit(expression.tree, new Map(), 1);
}

const NUMBER_CHARACTERS = 24;

function textOf(characters: number): Size {
  return { count: characters, element: undefined };
}

function weight({ count, element }: Size): number {
  return element === undefined ? count : count * weight(element);
}

function larger(one: Size, other: Size): Size {
  return { count: Math.max(one.count, other.count), element: largerElement(one, other) };
}

function largerElement(one: Size, other: Size): Size | undefined {
  if (one.element === undefined || other.element === undefined) return one.element ?? other.element;
  return larger(one.element, other.element);
}

function listOf(sizes: readonly Size[]): Size {
  return { count: sizes.length, element: sizes.reduce(larger, ATOM) };
}

function sizeOf(value: Json): Size {
  if (typeof value === 'string') return textOf(value.length);
  if (value === null || typeof value !== 'object') return ATOM;
  const parts: readonly Json[] = Array.isArray(value) ? value : Object.values(value);
  return { count: parts.length, element: parts.map(sizeOf).reduce(larger, ATOM) };
}
