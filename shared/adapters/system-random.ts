/** The machine's own randomness. */
import { randomBytes } from 'node:crypto';
import type { Random } from '../ports/random.ts';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
const ID_LENGTH = 20;
/** Bytes from here on are dropped, or the first letters would come more often than the last digits. */
const FAIR_BYTES = 256 - (256 % ALPHABET.length);
/** Asked for at once, because asking costs as much as the bytes of hundreds of ids. */
const POOL_BYTES = 4_096;

let pool = Buffer.alloc(0);
let taken = 0;

function nextByte(): number {
  if (taken === pool.length) {
    pool = randomBytes(POOL_BYTES);
    taken = 0;
  }
  taken += 1;
  return pool.readUInt8(taken - 1);
}

/** Ids from the system's cryptographic source (103 bits each); fractions, which need not be secret, from Math.random. */
export const systemRandom: Random = {
  id() {
    let id = '';
    while (id.length < ID_LENGTH) {
      const byte = nextByte();
      if (byte < FAIR_BYTES) id += ALPHABET.charAt(byte % ALPHABET.length);
    }
    return id;
  },

  fraction: () => Math.random(),
};
