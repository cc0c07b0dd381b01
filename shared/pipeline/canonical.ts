/** One text for one value, so that equal values have equal hashes. */
import { createHash } from 'node:crypto';
import type { Hash } from '../core/plan.ts';

/** JSON with the keys of every object sorted, without spaces; fields that are undefined are left out. */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? ofList(value) : ofMap(value);
  const text = JSON.stringify(value);
  if (text === undefined) throw new Error(`writing canonical JSON: a value of type ${typeof value} has none`);
  return text;
}

function ofList(list: readonly unknown[]): string {
  let text = '[';
  for (const [index, item] of list.entries()) text += (index === 0 ? '' : ',') + canonicalJson(item ?? null);
  return `${text}]`;
}

function ofMap(map: object): string {
  const fields = map as { readonly [key: string]: unknown };
  let text = '{';
  for (const key of Object.keys(fields).sort()) {
    if (fields[key] === undefined) continue;
    text += `${text === '{' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(fields[key])}`;
  }
  return `${text}}`;
}

/** The address under which the text is kept as a blob. */
export function hashText(text: string): Hash {
  return `sha256:${createHash('sha256').update(text, 'utf8').digest('hex')}`;
}
