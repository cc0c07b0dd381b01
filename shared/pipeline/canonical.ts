/** One text for one value, so that equal values have equal hashes. */
import { createHash } from 'node:crypto';
import type { Hash } from '../core/plan.ts';

/** JSON with the keys of every object sorted, without spaces; fields that are undefined are left out. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`);
    return `{${fields.join(',')}}`;
  }
  const text = JSON.stringify(value);
  if (text === undefined) throw new Error(`writing canonical JSON: a value of type ${typeof value} has none`);
  return text;
}

/** The address under which the text is kept as a blob. */
export function hashText(text: string): Hash {
  return `sha256:${createHash('sha256').update(text, 'utf8').digest('hex')}`;
}
