/** Takes secrets out of what senders send, before any of it is kept: what is stored is read by many. */
import type { Json } from '../core/json.ts';
import { depthOfJson, MAXIMUM_JSON_DEPTH } from './json-depth.ts';

/** What stands where a secret was. */
export const MASKED = '[masked]';
/** A shorter value may be any word, and would be taken out of text that tells nothing. */
const MINIMUM_KNOWN_CHARACTERS = 8;
/** Deeper values are not kept at all. */
const MAXIMUM_DEPTH = MAXIMUM_JSON_DEPTH;

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
  'signature',
  'signature256',
  'apikey',
  'accesskey',
  'secretkey',
  'privatekey',
  'signingkey',
  'encryptionkey',
  'connectionstring',
  'sessionid',
  'jenkinscrumb',
];
/** Names that carry secrets where nothing stands before them: as endings they are those of other words. */
const SHORT_SECRET_NAMES: ReadonlySet<string> = new Set(['auth', 'pass', 'pwd', 'jwt', 'sig', 'hmac', 'otp', 'bearer']);
/** What may stand behind such a name and leaves it the name of a secret. */
const NAME_ENDINGS = /(?:value|text|string|data|base64|b64|pem|raw|plain|plaintext)$/;
/** Fields that name what stands beside them in `VALUE_FIELDS`: `{ name: 'DB_PASSWORD', value: '…' }`. */
const LABEL_FIELDS: ReadonlySet<string> = new Set(['name', 'key', 'header', 'variable']);
const VALUE_FIELDS: ReadonlySet<string> = new Set(['value', 'values', 'content', 'default']);

/** Text that is a secret wherever it stands. Each pattern is linear in the text. */
const SECRET_TEXTS: readonly RegExp[] = [
  /\b(?:gh[opsur]_|github_pat_|glpat-|gldt-|glrt-|glcbt-|xox[abeprs]-|xapp-|AKIA|ASIA|AIza|dckr_pat_|npm_|pypi-|hvs\.|hvb\.|sk_live_|rk_live_|sk-ant-|SG\.|shpat_|dop_v1_|ATATT|ATBB|ya29\.)[A-Za-z0-9_.-]{10,400}/g,
  /\bhttps:\/\/hooks\.slack\.com\/(?:services|workflows|triggers)\/[A-Za-z0-9_/-]{8,400}/g,
  // A word of prose may follow these two; a token has more than small letters.
  /\b(?:[Bb]earer|[Bb]asic)\s(?=[a-z._~+/-]{0,8000}[A-Z0-9=])[A-Za-z0-9._~+/=-]{8,8000}/g,
  // No search begins inside a word that another has been through.
  /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,8000}\.[A-Za-z0-9_-]{8,8000}\.[A-Za-z0-9_-]{0,8000}/g,
  /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]{0,20000}(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?/g,
];
/** A name and a password in a URL. */
const URL_USER = /(\b[a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/@"']{1,300}@/gi;
/** What is given to a name of a secret in a query, a form, a shell or a file of settings. */
const ASSIGNED =
  /((?:token|secret|password|passwd|passphrase|api[_-]?key|access[_-]?key|private[_-]?key|signature|credentials?|[?&]sig|[?&]pwd)(?:=|%3[Dd]))[^\s&;,"'<>]{1,8000}/gi;
/** The same with ":", where a word of prose may follow as well. */
const TOLD =
  /((?i:token|secret|password|passwd|passphrase|api[_-]?key|access[_-]?key|private[_-]?key)["']?: {0,2}["']?)(?=[a-z._~+/-]{0,8000}[A-Z0-9=!$%^*])[^\s&;,"'<>]{4,8000}/g;
const MINIMUM_ENCODED_CHARACTERS = 16;
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/;

/**
 * The value without secrets: fields that are named like one, texts that look like one, and the `known` values of the
 * system's own. Text that is JSON is looked into, and so is text in base64; where nothing in it is secret it stays as
 * it is, to the character.
 */
export function maskSecrets<T extends Json>(value: T, known: readonly string[] = []): T {
  const values = known.filter(({ length }) => length >= MINIMUM_KNOWN_CHARACTERS).flatMap(spellings);
  return masked(value, [...new Set(values)], 0) as T;
}

/** The ways in which a secret may be written; the longest first, as one may hold another. */
function spellings(secret: string): string[] {
  const encoded = Buffer.from(secret, 'utf8').toString('base64');
  return [encodeURIComponent(secret), encoded, secret].sort((one, other) => other.length - one.length);
}

function masked(value: Json, known: readonly string[], depth: number): Json {
  if (depth > MAXIMUM_DEPTH) return MASKED;
  if (typeof value === 'string') return maskedText(value, known, depth);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: Json) => masked(item, known, depth + 1));
  const fields = Object.entries(value);
  const namesSecret = fields.some(
    ([name, field]) => LABEL_FIELDS.has(name.toLowerCase()) && typeof field === 'string' && isSecretName(field),
  );
  return Object.fromEntries(
    fields.map(([name, field]) => {
      const shown = withoutTexts(name, known);
      if (field === undefined || field === null || field === '' || typeof field === 'boolean') return [shown, field];
      const isSecret = isSecretName(name) || (namesSecret && VALUE_FIELDS.has(name.toLowerCase()));
      // A number of tokens is no token.
      const isCount = typeof field === 'number' && /s$/i.test(name);
      return [shown, isSecret && !isCount ? MASKED : masked(field, known, depth + 1)];
    }),
  );
}

function maskedText(text: string, known: readonly string[], depth: number): string {
  if (/^\s*[[{]/.test(text)) {
    if (depthOfJson(text) > MAXIMUM_DEPTH) return MASKED;
    const inside = jsonOf(text);
    if (inside !== undefined) {
      const before = JSON.stringify(inside);
      const after = JSON.stringify(masked(inside, known, depth + 1));
      return before === after ? text : after;
    }
  }
  const found = withoutTexts(text, known);
  if (found !== text) return found;
  const encoded = textInBase64(text);
  return encoded === undefined || masked(encoded, known, depth + 1) === encoded ? text : MASKED;
}

function withoutTexts(text: string, known: readonly string[]): string {
  let found = text;
  for (const secret of known) found = found.replaceAll(secret, MASKED);
  for (const pattern of SECRET_TEXTS) found = found.replace(pattern, MASKED);
  for (const pattern of [ASSIGNED, TOLD]) found = found.replace(pattern, `$1${MASKED}`);
  return found.replace(URL_USER, `$1${MASKED}@`);
}

/** What the whole text says in base64; undefined where it is none, or is of bytes that are no text. */
function textInBase64(text: string): string | undefined {
  const plain = text.trim();
  if (plain.length < MINIMUM_ENCODED_CHARACTERS || !BASE64.test(plain)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(plain, 'base64'));
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

function jsonOf(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

function isSecretName(name: string): boolean {
  const plain = name.toLowerCase().replace(/[-_. ]/g, '');
  return [plain, plain.replace(/s$/, ''), plain.replace(NAME_ENDINGS, '')].some(
    (one) => SHORT_SECRET_NAMES.has(one) || SECRET_NAMES.some((secret) => one.endsWith(secret)),
  );
}
