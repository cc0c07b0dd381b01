/** Bytes kept under the hash of their content. */
import type { Hash } from '../core/plan.ts';

export const MAXIMUM_BLOB_BYTES = 8 * 1024 * 1024;

export interface Blobs {
  /** Keeps `text` (UTF-8) and returns `sha256:<hex>`. Putting the same twice is one blob. Refuses more than MAXIMUM_BLOB_BYTES. */
  put(command: { text: string }): Promise<Hash>;
  get(query: { hash: Hash }): Promise<string | undefined>;
}
