/** Checks every expression of a document: that it may stand there, that what it names is there, and that its type fits. */
import type { z } from 'zod';
import { TRIGGER_FIELDS } from '../triggers/kinds.ts';
import { checkExpression, textOfReference } from './expressions/evaluate.ts';
import { ExpressionProblem, parseExpression, type Reference } from './expressions/syntax.ts';
import { hasExpression, partsOf, shownSource } from './expressions/text.ts';
import { ANY, BOOLEAN, mayBe, nameOfType, TEXT, type Type, typesAt } from './expressions/types.ts';
import type { Finding } from './issues.ts';
import { didYouMean } from './nearest.ts';
import type { Path } from './problem.ts';
import { isRecord } from './yaml-file.ts';

/** The types of what can be reached at one place. A root that is missing cannot be reached there, and `why` says it. */
export type Types = {
  readonly roots: { readonly [root in Reference['root']]?: Type };
  readonly why?: string;
  /** Stages that exist and do not come before, for a better sentence. */
  readonly otherStages?: () => readonly string[];
  /** The stage whose expression it is. */
  readonly ownStage?: string;
};

/** Of one value, and of one text: nobody reads more, and a hostile file could have thousands. */
const MAXIMUM_FINDINGS = 100;
const MAXIMUM_FINDINGS_OF_TEXT = 20;

const COMMON_TRIGGER = { event: TEXT, type: TEXT, source: TEXT, text: TEXT, by: TEXT };

/** What `trigger` may have, by the triggers that can start the pipeline; all of it where they are not known. */
export function typeOfTrigger(on: unknown): Type {
  const kinds = Array.isArray(on)
    ? [...TRIGGER_FIELDS].filter(([key]) => on.some((trigger) => isRecord(trigger) && Object.hasOwn(trigger, key)))
    : [...TRIGGER_FIELDS];
  return { is: 'object', fields: Object.assign({}, COMMON_TRIGGER, ...kinds.map(([, fields]) => fields)) };
}

export const PIPELINE: Type = { is: 'object', fields: { name: TEXT, team: TEXT, namespace: TEXT } };
export const EXECUTION: Type = { is: 'object', fields: { id: TEXT } };
export const TARGET: Type = { is: 'object', fields: { name: TEXT, labels: { is: 'map', of: TEXT } } };

/** The expressions in a value and all of its parts, with what the value's schema wants at each place. */
export function valueFindings(command: {
  value: unknown;
  path: Path;
  types: Types;
  /** The types that will do at a path within the value; empty where anything will. */
  wanted: (inner: Path) => readonly Type[];
}): Finding[] {
  const { value, path, types, wanted } = command;
  const found: Finding[] = [];
  const visit = (part: unknown, inner: Path): void => {
    if (found.length >= MAXIMUM_FINDINGS) return;
    if (typeof part === 'string') {
      if (hasExpression(part)) found.push(...textFindings(part, [...path, ...inner], types, wanted(inner)).findings);
    } else if (Array.isArray(part)) {
      part.forEach((item, index) => {
        visit(item, [...inner, index]);
      });
    } else if (isRecord(part)) {
      for (const [name, item] of Object.entries(part)) visit(item, [...inner, name]);
    }
  };
  visit(value, []);
  return found;
}

/** What is wrong with the expressions of one text, and the type of the whole. */
export function textFindings(
  text: string,
  path: Path,
  types: Types,
  wanted: readonly Type[],
): { findings: Finding[]; type: Type } {
  const finding = (sentence: string, offset: number): Finding => ({
    path,
    at: 'value',
    sentence,
    alone: true,
    isExpression: true,
    offset,
  });
  const found = partsOf(text);
  if ('unclosed' in found) {
    return { findings: [finding(`\${{ has no end: "}}" is missing`, found.unclosed)], type: TEXT };
  }
  const findings: Finding[] = [];
  const isWhole = found.parts.length === 1;
  let type: Type = TEXT;
  for (const part of found.parts) {
    if (part.is === 'text') continue;
    if (findings.length >= MAXIMUM_FINDINGS_OF_TEXT) break;
    const told = (message: string, at: number): Finding => finding(`${written(part.source)}: ${message}`, part.at + at);
    const given = typeOfExpression(part.source, types);
    if ('problems' in given) findings.push(...given.problems.map(({ message, at }) => told(message, at)));
    else if (isWhole) type = given.type;
    else if (!canBeText(given.type)) {
      findings.push(told(`gives ${nameOfType(given.type)}, which cannot stand inside text`, 0));
    }
  }
  if (findings.length === 0 && wanted.length > 0 && !wanted.some((each) => mayBe(type, each))) {
    const names = [...new Set(wanted.map(nameOfType))].join(' or ');
    const [only] = found.parts;
    const source = isWhole && only?.is === 'expression' ? written(only.source) : 'the text';
    findings.push(finding(`${source} gives ${nameOfType(type)}; ${names} is wanted here`, 0));
  }
  return { findings, type };
}

/** The type, or everything that is wrong: each name that is not there, and only then whether their types fit. */
function typeOfExpression(source: string, types: Types): { type: Type } | { problems: ExpressionProblem[] } {
  const problems: ExpressionProblem[] = [];
  const attempt = <T>(work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof ExpressionProblem)) throw error;
      problems.push(error);
      return undefined;
    }
  };
  const expression = attempt(() => parseExpression(source));
  if (expression === undefined) return { problems };
  const known = new Map<Reference, Type>();
  for (const reference of expression.references) {
    known.set(reference, attempt(() => typeOfReference(reference, types)) ?? ANY);
  }
  if (problems.length > 0) return { problems };
  const type = attempt(() => checkExpression(expression, (reference) => known.get(reference) ?? ANY));
  return type === undefined ? { problems } : { type };
}

function written(source: string): string {
  return source.trim() === '' ? `\${{ }}` : `\${{ ${shownSource(source)} }}`;
}

function canBeText({ is }: Type): boolean {
  return is === 'text' || is === 'number' || is === 'boolean' || is === 'any';
}

/** The type that the schema wants at the path; numbers and texts that a schema limits further are checked when known. */
export function wantedBy(schema: z.core.$ZodType): (inner: Path) => readonly Type[] {
  return (inner) => typesAt(schema, inner);
}

export const WANTS_ANYTHING = (): readonly Type[] => [];
export const WANTS_TEXT = (): readonly Type[] => [TEXT];
export const WANTS_CONDITION = (): readonly Type[] => [BOOLEAN];

/** Throws ExpressionProblem where nothing is reached, with the nearest right name. */
function typeOfReference(reference: Reference, types: Types): Type {
  const { root, path, start } = reference;
  const rootType = types.roots[root];
  if (rootType === undefined) {
    const known = Object.keys(types.roots).join(', ');
    throw new ExpressionProblem(`"${root}" cannot be reached here${types.why ?? ''}; what can be is ${known}`, start);
  }
  let type: Type = rootType;
  for (const [index, name] of path.entries()) {
    if (type.is === 'any') return ANY;
    if (type.is === 'map') {
      type = type.of;
      continue;
    }
    if (type.is !== 'object') {
      const before = [root, ...path.slice(0, index)].join('.');
      throw new ExpressionProblem(`${before} is ${nameOfType(type)} and has no "${name}"`, start);
    }
    const field: Type | undefined = Object.hasOwn(type.fields, name) ? type.fields[name] : undefined;
    if (field === undefined) throw new ExpressionProblem(missing(reference, index, type, types), start);
    type = field;
  }
  return type;
}

function missing({ root, path }: Reference, index: number, type: Type & { is: 'object' }, types: Types): string {
  const name = path[index] ?? '';
  const known = Object.keys(type.fields);
  const hint = didYouMean(name, known);
  const others = known.length === 0 ? '' : `; there ${known.length === 1 ? 'is' : 'are'} ${known.join(', ')}`;
  if (root === 'inputs' && index === 0) return `there is no input "${name}"${hint || others || '; there are none'}`;
  if (root === 'images' && index === 0) return `there is no image "${name}" under images${hint || others}`;
  if (root === 'stages' && index === 0) {
    if (name === types.ownStage) return `${name} is this stage itself; its outputs are known when it has ended`;
    const others = types.otherStages?.() ?? [];
    if (others.includes(name)) {
      return `stage ${name} does not come before; name it under needs of this stage`;
    }
    const all = [...known, ...others];
    return `no stage "${name}"${didYouMean(name, all) || (known.length === 0 ? '; no stage comes before' : others)}`;
  }
  if (root === 'stages' && index === 1) {
    const stage = path[0] ?? '';
    if (type.isByTarget === true) {
      const [first = ''] = known;
      return `${stage} runs on ${known.join(', ')}, and has outputs for each: ${textOfReference({ root, path: [stage, first] })}`;
    }
    return known.length === 0 ? `${stage} has no outputs` : `${stage} has outputs ${known.join(', ')}; not ${name}`;
  }
  return `${[root, ...path.slice(0, index)].join('.')} has no "${name}"${hint || others}`;
}
