/** The senders that docs/triggers.md shows, read from there: what a pipeline says of each, and what each documents that it sends. */
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SourceRequest } from '../source.ts';
import { SECRET } from '../testing-sample.ts';
import type { WebhookFields } from './schema.ts';

const DOCUMENT = readFileSync(join(import.meta.dirname, '../../../docs/triggers.md'), 'utf8');

/** `yaml` is the pipeline without its name and stages, `json` the body. */
type Sender = { readonly name: string; readonly yaml: string; readonly json: string };

export const SENDERS: readonly Sender[] = [
  ...DOCUMENT.matchAll(/^### (.+)\n[\s\S]*?^```yaml\n([\s\S]*?)^```\n\n^```json\n([\s\S]*?)^```/gm),
].map(([, name = '', yaml = '', json = '']) => ({ name, yaml, json }));

/** A call as the sender would make it, by what the pipeline says of its signature or token. */
export function callOf({ signature, token }: WebhookFields, body: string): SourceRequest {
  const rawBody = Buffer.from(body);
  const proof: { [name: string]: string } = {};
  if (signature !== undefined) {
    const sum = createHmac(signature.algorithm, SECRET).update(rawBody).digest(signature.encoding);
    proof[signature.header.toLowerCase()] = `${signature.prefix ?? ''}${sum}`;
  }
  if (token !== undefined) proof[token.header.toLowerCase()] = `${token.prefix ?? ''}${SECRET}`;
  const headers = { 'x-gitea-delivery': 'f6266f16-1bf3-46a5-9ea4-602e06ead473', 'x-gitea-event': 'push', ...proof };
  return { rawBody, headers, pathSecret: 'hook', pathRest: '' };
}
