/** Makes ids of documents out of names that may hold any character, and names again out of ids. */
import { createHash } from 'node:crypto';

/**
 * The id of a document for a name of ours: the name itself where it is made of letters, digits, `-`, `_`, `.` and `:`.
 * Firestore allows no `/`, no empty id, and none like `.`, `..` or `__x__`; two names never share an id.
 */
export function documentId(name: string): string {
  return encodeURIComponent(name.toWellFormed())
    .replaceAll('%3A', ':')
    .replace(/^(?=\.|__|$)/, '%');
}

/** The name of which `documentId` made the last part of this path. */
export function nameOf(path: string): string {
  const id = path.slice(path.lastIndexOf('/') + 1);
  return decodeURIComponent(/^%(?![0-9A-F]{2})/.test(id) ? id.slice(1) : id);
}

/** The id of a document whose key may be long or may come from outside: 64 hexadecimal digits. */
export function hashedId(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
