/** Takes secrets out of what senders send, before any of it is kept: what is stored is read by many. */
import type { Json } from '../core/json.ts';

/** What stands where a secret was. */
export const MASKED = '[masked]';
/** A shorter value may be any word, and would be taken out of text that tells nothing. */
const MINIMUM_KNOWN_CHARACTERS = 8;
/** Deeper values are not kept at all. */
const MAXIMUM_DEPTH = 64;

/** Names of headers and fields, in lower case and without "-" and "_", that carry secrets; each may be an ending. */
const SECRET_NAMES = [
  'authorization',
  'cookie',
  'token',
  'secret',
  'password',
  'passwd',
  'passphrase',
  'credential',
  'credentials',
  'signature',
  'signature256',
  'apikey',
  'accesskey',
  'secretkey',
  'privatekey',
  'jenkinscrumb',
];

/** Text that is a secret wherever it stands. Each pattern is linear in the text. */
const SECRET_TEXTS: readonly RegExp[] = [
  /\b(?:gh[opsur]_|github_pat_|glpat-|xox[abeprs]-|AKIA|ASIA|dckr_pat_|sk_live_|ya29\.)[A-Za-z0-9_.-]{10,400}/g,
  // A word of prose may follow these two; a token has more than small letters.
  /\b(?:[Bb]earer|[Bb]asic)\s(?=[a-z._~+/-]{0,8000}[A-Z0-9=])[A-Za-z0-9._~+/=-]{8,8000}/g,
  /\beyJ[A-Za-z0-9_-]{8,8000}\.[A-Za-z0-9_-]{8,8000}\.[A-Za-z0-9_-]{0,8000}/g,
  /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]{0,20000}(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?/g,
];
/** A name and a password in a URL. */
const URL_USER = /(\b[a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/@"']{1,300}@/gi;

/**
 * The value without secrets: fields that are named like one, texts that look like one, and the `known` values of the
 * system's own. Text that is JSON is looked into; where nothing in it is secret it stays as it is, to the character.
 */
export function maskSecrets<T extends Json>(value: T, known: readonly string[] = []): T {
  const values = known.filter(({ length }) => length >= MINIMUM_KNOWN_CHARACTERS);
  return masked(value, values, 0) as T;
}

function masked(value: Json, known: readonly string[], depth: number): Json {
  if (depth > MAXIMUM_DEPTH) return MASKED;
  if (typeof value === 'string') return maskedText(value, known, depth);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: Json) => masked(item, known, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => {
      if (field === undefined || field === null || field === '' || typeof field === 'boolean') return [name, field];
      return [name, isSecretName(name) ? MASKED : masked(field, known, depth + 1)];
    }),
  );
}

function maskedText(text: string, known: readonly string[], depth: number): string {
  const inside = /^\s*[[{]/.test(text) ? jsonOf(text) : undefined;
  if (inside !== undefined) {
    const before = JSON.stringify(inside);
    const after = JSON.stringify(masked(inside, known, depth + 1));
    return before === after ? text : after;
  }
  let found = text;
  for (const secret of known) found = found.replaceAll(secret, MASKED);
  for (const pattern of SECRET_TEXTS) found = found.replace(pattern, MASKED);
  return found.replace(URL_USER, `$1${MASKED}@`);
}

function jsonOf(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

function isSecretName(name: string): boolean {
  const plain = name.toLowerCase().replace(/[-_]/g, '');
  return SECRET_NAMES.some((secret) => plain.endsWith(secret));
}
