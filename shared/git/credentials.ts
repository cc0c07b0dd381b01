/** What a credentials secret may hold, read in one place: a user and password, a token, or the key of a GitHub App. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { GitError } from './git-error.ts';

export type Credentials =
  | { readonly is: 'basic'; readonly username: string; readonly password: string }
  | { readonly is: 'token'; readonly token: string }
  | { readonly is: 'app'; readonly appId: string; readonly privateKey: KeyObject };

const app = z.strictObject({ appId: z.union([z.string().min(1), z.int().transform(String)]), privateKey: z.string() });

/**
 * `{"appId": "…", "privateKey": "-----BEGIN…"}` is a GitHub App, `user:password` is a user, anything else a token.
 * Throws GitError, which names the secret and nothing of what is in it.
 */
export function readCredentials(name: string, value: string): Credentials {
  const text = value.trim();
  if (text.startsWith('{')) return appOf(name, text);
  const [, username, password] = /^([^:\s]+):(\S+)$/.exec(text) ?? [];
  if (username !== undefined && password !== undefined) return { is: 'basic', username, password };
  if (/^[\x21-\x7e]+$/.test(text)) return { is: 'token', token: text };
  throw unreadable(name);
}

function appOf(name: string, text: string): Credentials {
  try {
    const { appId, privateKey } = app.parse(JSON.parse(text));
    return { is: 'app', appId, privateKey: createPrivateKey(privateKey) };
  } catch {
    // The cause would quote what is secret.
    throw unreadable(name);
  }
}

function unreadable(name: string): GitError {
  return new GitError(
    `reading the secret ${name}: it must be a token, "user:password", or {"appId": "…", "privateKey": "-----BEGIN …"}`,
  );
}
