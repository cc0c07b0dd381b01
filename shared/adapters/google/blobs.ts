/** Texts under the hash of their content in Firestore, in chunks, because a document holds 1 MiB at most. */
import { createHash } from 'node:crypto';
import type { Hash } from '../../core/plan.ts';
import { type Blobs, MAXIMUM_BLOB_BYTES } from '../../ports/blobs.ts';
import { documentId } from './document-id.ts';
import { type Documents, textOf } from './documents.ts';

const MAXIMUM_CHUNK_BYTES = 900_000;

/** The document of a blob has its first chunk and says how many there are; the others lie below it. */
export class GoogleBlobs implements Blobs {
  readonly #documents: Documents;

  constructor(documents: Documents) {
    this.#documents = documents;
  }

  async put({ text }: { text: string }): Promise<Hash> {
    const bytes = Buffer.from(text, 'utf8');
    if (bytes.length > MAXIMUM_BLOB_BYTES) {
      throw new Error(`a blob of ${bytes.length} bytes is over the limit of ${MAXIMUM_BLOB_BYTES}`);
    }
    const hash = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const [first = '', ...others] = chunksOf(bytes);
    if (others.length > 0 && (await this.#documents.read({ path: blobPath(hash) })) !== undefined) return hash;
    // One commit for each, because a request may not have 10 MiB; the first comes last, so that whoever finds it finds all.
    for (const [index, content] of others.entries()) {
      await this.#documents.commit({ writes: [{ path: chunkPath(hash, index + 1), fields: { content } }] });
    }
    const fields = { chunks: others.length + 1, content: first };
    // A conflict means that somebody has put the same text before.
    await this.#documents.commit({ writes: [{ path: blobPath(hash), fields, expected: 'absent' }] });
    return hash;
  }

  async get({ hash }: { hash: Hash }): Promise<string | undefined> {
    const head = await this.#documents.read({ path: blobPath(hash) });
    if (head === undefined) return undefined;
    const paths = Array.from({ length: Number(head.fields.chunks) - 1 }, (_, index) => chunkPath(hash, index + 1));
    const others = await this.#documents.readAll({ paths });
    return [head, ...others]
      .map((chunk, index) => {
        if (chunk === undefined) throw new Error(`blob ${hash} has lost its chunk ${index}; put it again`);
        return textOf(chunk, 'content');
      })
      .join('');
  }
}

/** Cuts between characters, never inside one. */
function chunksOf(bytes: Buffer): string[] {
  const chunks: string[] = [];
  for (let start = 0; start < bytes.length; ) {
    let end = Math.min(start + MAXIMUM_CHUNK_BYTES, bytes.length);
    while (end < bytes.length && isContinuation(bytes[end])) end--;
    chunks.push(bytes.toString('utf8', start, end));
    start = end;
  }
  return chunks;
}

/** Whether this byte goes on with a character of UTF-8 that an earlier one began. */
function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0b1100_0000) === 0b1000_0000;
}

function blobPath(hash: Hash): string {
  return `blobs/${documentId(hash)}`;
}

function chunkPath(hash: Hash, index: number): string {
  return `${blobPath(hash)}/chunks/${index}`;
}
