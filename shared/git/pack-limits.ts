/**
 * Looks a pack over before anything unpacks it: a few kilobytes of a hostile pack can stand for gigabytes, and what
 * unpacks it later asks for as much memory as the pack says.
 */
import { inflateSync } from 'node:zlib';
import { GitError } from './git-error.ts';

export type PackLimits = {
  readonly maximumObjects: number;
  /** Of all objects, unpacked and with their deltas applied. */
  readonly maximumUnpackedBytes: number;
};

/** A chain of deltas longer than git ever makes takes quadratic time to resolve. */
const MAXIMUM_DELTA_DEPTH = 4_096;
const HEADER_BYTES = 12;
const TRAILER_BYTES = 20;
const HASH_BYTES = 20;
const OFFSET_DELTA = 6;
const REFERENCE_DELTA = 7;
/** Sizes in a pack take at most so many bytes; more would overflow. */
const MAXIMUM_SIZE_BYTES = 6;

/** Throws GitError for a pack that is damaged, or larger unpacked than the limits. */
export function checkPack(pack: Uint8Array, limits: PackLimits): void {
  const view = new DataView(pack.buffer, pack.byteOffset, pack.byteLength);
  if (pack.byteLength < HEADER_BYTES + TRAILER_BYTES || view.getUint32(0) !== 0x5041434b) {
    throw damaged('it does not begin as a pack does');
  }
  const count = view.getUint32(8);
  if (count > limits.maximumObjects) {
    throw new GitError(
      `reading a commit: it has ${count} files and folders; at most ${limits.maximumObjects} are read. ` +
        'Keep pipelines in a repository of their own.',
    );
  }
  const end = pack.byteLength - TRAILER_BYTES;
  const depths = new Map<number, number>();
  let position = HEADER_BYTES;
  let unpacked = 0;
  for (let index = 0; index < count; index += 1) {
    const start = position;
    const cursor = new Cursor(pack, position, end);
    const { type, size } = cursor.objectHeader();
    let depth = 0;
    if (type === OFFSET_DELTA) {
      depth = (depths.get(start - cursor.offset()) ?? Number.POSITIVE_INFINITY) + 1;
      if (!Number.isFinite(depth)) throw damaged(`the object at ${start} is a change of one that is not there`);
      if (depth > MAXIMUM_DELTA_DEPTH) throw damaged(`it has more than ${MAXIMUM_DELTA_DEPTH} changes of changes`);
    } else if (type === REFERENCE_DELTA) {
      cursor.skip(HASH_BYTES);
    } else if (type < 1 || type > 4) {
      throw damaged(`the object at ${start} is of type ${type}, which there is not`);
    }
    depths.set(start, depth);
    const left = limits.maximumUnpackedBytes - unpacked;
    if (size > left) throw tooLarge(limits);
    const { content, taken } = inflated(pack.subarray(cursor.position, end), size, start);
    const isDelta = type === OFFSET_DELTA || type === REFERENCE_DELTA;
    const resolved = isDelta ? new Cursor(content, 0, content.byteLength).deltaTarget() : 0;
    unpacked += size + resolved;
    if (unpacked > limits.maximumUnpackedBytes) throw tooLarge(limits);
    position = cursor.position + taken;
  }
  if (position !== end) throw damaged('something stands behind its last object');
}

function inflated(bytes: Uint8Array, size: number, start: number): { content: Uint8Array; taken: number } {
  try {
    // `info` tells how many bytes were taken, which a pack does not say.
    const answer: unknown = inflateSync(bytes, { maxOutputLength: Math.max(size, 1), info: true });
    const { buffer, engine } = answer as { buffer: Uint8Array; engine: { bytesWritten: number } };
    if (buffer.byteLength !== size) throw damaged(`the object at ${start} has not the size that it says`);
    return { content: buffer, taken: engine.bytesWritten };
  } catch (cause) {
    if (cause instanceof GitError) throw cause;
    throw damaged(`the object at ${start} cannot be unpacked to the size that it says`, cause);
  }
}

class Cursor {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  position: number;

  constructor(bytes: Uint8Array, position: number, end: number) {
    this.#bytes = bytes;
    this.#end = end;
    this.position = position;
  }

  objectHeader(): { type: number; size: number } {
    const first = this.#next();
    let size = first & 15;
    let scale = 16;
    let last = first;
    for (let count = 0; (last & 128) !== 0; count += 1) {
      if (count === MAXIMUM_SIZE_BYTES) throw damaged('the size of an object is out of all bounds');
      last = this.#next();
      size += (last & 127) * scale;
      scale *= 128;
    }
    return { type: (first >> 4) & 7, size };
  }

  /** How far back the object stands that a delta changes. */
  offset(): number {
    let last = this.#next();
    let value = last & 127;
    for (let count = 0; (last & 128) !== 0; count += 1) {
      if (count === MAXIMUM_SIZE_BYTES) throw damaged('a change points out of all bounds');
      last = this.#next();
      value = (value + 1) * 128 + (last & 127);
    }
    return value;
  }

  /** The size of what a delta makes, which stands after the size of what it changes. */
  deltaTarget(): number {
    this.#variable();
    return this.#variable();
  }

  skip(count: number): void {
    this.position += count;
    if (this.position > this.#end) throw damaged('it ends in the middle of an object');
  }

  #variable(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; ; count += 1) {
      if (count === MAXIMUM_SIZE_BYTES) throw damaged('the size of a change is out of all bounds');
      const byte = this.#next();
      value += (byte & 127) * scale;
      scale *= 128;
      if ((byte & 128) === 0) return value;
    }
  }

  #next(): number {
    const byte = this.position < this.#end ? this.#bytes[this.position] : undefined;
    if (byte === undefined) throw damaged('it ends in the middle of an object');
    this.position += 1;
    return byte;
  }
}

function damaged(what: string, cause?: unknown): GitError {
  return new GitError(`reading the pack that a Git server sent: ${what}`, { cause });
}

function tooLarge({ maximumUnpackedBytes }: PackLimits): GitError {
  return new GitError(
    `reading a commit: its files come to more than ${maximumUnpackedBytes} bytes, which is as much as is read. ` +
      'Keep pipelines in a repository of their own.',
  );
}
