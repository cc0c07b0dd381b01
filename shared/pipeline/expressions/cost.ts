/**
 * What an expression may cost at most, worked out from its tree and the sizes of what it refers to, before it is
 * evaluated: comprehensions within comprehensions and texts that grow in each of them would take for ever.
 */
import type { ASTNode } from '@marcbachmann/cel-js';
import type { Json } from '../../core/json.ts';
import { COMPREHENSIONS, type Expression, ExpressionProblem, type Reference } from './syntax.ts';

/** Steps of evaluation; a step takes well under a microsecond. */
const MAXIMUM_COST = 2_000_000;
/** What all expressions of one plan may take together. */
const MAXIMUM_BUDGET = 10_000_000;

/** How often a pattern may ask for one of its parts. */
export const MAXIMUM_REPETITION = 50;

/** What is left for the expressions that are evaluated together. */
export type Budget = { left: number };

export function newBudget(): Budget {
  return { left: MAXIMUM_BUDGET };
}

/** Of a text: its characters. Of a list or map: how many elements, how large one is at most, and all of them in all. */
type Size = { readonly count: number; readonly element: Size | undefined; readonly total?: number };

const ATOM: Size = { count: 1, element: undefined };

/** Throws ExpressionProblem where evaluating it could take more than its limit, or than is left of the budget. */
export function checkCost(
  expression: Expression,
  lookUp: (reference: Reference) => Json | undefined,
  budget: Budget,
): void {
  let cost = 0;
  const pay = (steps: number): void => {
    cost += steps;
    if (cost > MAXIMUM_COST) {
      throw new ExpressionProblem(`could take more than ${MAXIMUM_COST} steps; make it simpler`, 0);
    }
    if (cost > budget.left) {
      const sentence = `could take more steps than the ${MAXIMUM_BUDGET} that all expressions of a plan may take together`;
      throw new ExpressionProblem(sentence, 0);
    }
  };
  const visit = (node: ASTNode, bound: ReadonlyMap<string, Size>, times: number): Size => {
    pay(times);
    const reference = expression.referenceOf.get(node);
    if (reference !== undefined) return sizeOf(reference.isTest ? null : (lookUp(reference) ?? null));
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
        const sum = {
          count: left.count + right.count,
          element: largerElement(left, right),
          total: weight(left) + weight(right),
        };
        pay(times * sum.count);
        return sum;
      }
      default: {
        const weights = node.args.map((part) => weight(visit(part, bound, times)));
        // Equal texts are looked at to the end of the shorter one; a list that is looked through, to its own.
        pay(times * (node.op === 'in' ? Math.max(...weights) : Math.min(...weights)));
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
      const made = sizes.at(-1) ?? ATOM;
      // Where each entry at most keeps its size, so does the whole.
      if (name === 'map') return made === on.element ? on : { count: on.count, element: made };
      return name === 'filter' ? on : ATOM;
    }
    const sizes = given.map((part) => visit(part, bound, times));
    // Searching a text for another takes the product of their lengths at worst; a pattern may repeat its parts.
    const repeated = name === 'matches' ? MAXIMUM_REPETITION : 1;
    pay(times * weight(on) * Math.max(1, ...sizes.map(weight)) * repeated);
    if (name === 'split') return { count: on.count + 1, element: textOf(on.count), total: 2 * on.count + 1 };
    if (name === 'join') return textOf(weight(on) + on.count * (sizes[0]?.count ?? 0));
    return ['substring', 'trim', 'lowerAscii', 'upperAscii'].includes(name) ? on : ATOM;
  };
  visit(expression.tree, new Map(), 1);
  budget.left -= cost;
}

const NUMBER_CHARACTERS = 24;

function textOf(characters: number): Size {
  return { count: characters, element: undefined };
}

function weight({ count, element, total }: Size): number {
  if (element === undefined) return count;
  return total ?? count * Math.max(1, weight(element));
}

function larger(one: Size, other: Size): Size {
  const total = Math.max(weight(one), weight(other));
  return { count: Math.max(one.count, other.count), element: largerElement(one, other), total };
}

function largerElement(one: Size, other: Size): Size | undefined {
  if (one.element === undefined || other.element === undefined) return one.element ?? other.element;
  return larger(one.element, other.element);
}

function listOf(sizes: readonly Size[]): Size {
  const total = sizes.reduce((sum, size) => sum + Math.max(1, weight(size)), 0);
  return { count: sizes.length, element: sizes.reduce(larger, ATOM), total };
}

function sizeOf(value: Json): Size {
  if (typeof value === 'string') return textOf(value.length);
  if (value === null || typeof value !== 'object') return ATOM;
  const parts: readonly Json[] = Array.isArray(value) ? value : [...Object.keys(value), ...Object.values(value)];
  return listOf(parts.map(sizeOf));
}
