/** A delivery as its sender documents it, for the tests that hold for all sources. */
import { createHmac } from 'node:crypto';

export const SECRET = 'the-secret-of-the-hook';

/** How a sender proves itself: by a signature over the body, by the secret in a header, or by the end of the address. */
type Proof = { readonly signature: string } | { readonly header: string; readonly prefix?: string } | 'path';

export type Sample = {
  /** The name of the source. */
  readonly source: string;
  readonly what: string;
  readonly proof?: Proof;
  readonly headers?: { readonly [name: string]: string };
  /** What stands behind the source's name in the address, besides a secret. */
  readonly path?: string;
  readonly attributes?: { readonly [name: string]: string };
  readonly subscription?: string;
  readonly body: unknown;
  /** What the one event has at least. */
  readonly event: object;
  /** The sender gives its deliveries no id. */
  readonly isRepeatable?: boolean;
  /** What a pipeline says that takes it, where the event alone does not tell. */
  readonly wants?: { readonly on: object; readonly images: object };
};

/** The headers of a request with this body. */
export function headersOf({ proof, headers = {} }: Sample, rawBody: Uint8Array): { [name: string]: string } {
  if (proof === undefined || proof === 'path') return { ...headers };
  if ('header' in proof) return { ...headers, [proof.header]: `${proof.prefix ?? ''}${SECRET}` };
  const sum = createHmac('sha256', SECRET).update(rawBody).digest('hex');
  return { ...headers, [proof.signature]: `sha256=${sum}` };
}

/** The value with a field in each map that no release has yet. */
export function grown(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(grown);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).map(([name, field]) => [name, grown(field)]);
  return { ...Object.fromEntries(fields), added_later: { by: ['a newer release'] } };
}
