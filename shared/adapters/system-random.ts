/** The machine's own randomness. */
import { randomBytes } from 'node:crypto';
import type { Random } from '../ports/random.ts';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
const ID_LENGTH = 20;
/** Bytes from here on are dropped, or the first letters would come more often than the last digits. */
const FAIR_BYTES = 256 - (256 % ALPHABET.length);

/** Ids from the system's cryptographic source (103 bits each); fractions, which need not be secret, from Math.random. */
export const systemRandom: Random = {
  id() {
    let id = '';
    while (id.length < ID_LENGTH) {
      for (const byte of randomBytes(ID_LENGTH + 4)) {
        if (byte < FAIR_BYTES && id.length < ID_LENGTH) id += ALPHABET.charAt(byte % ALPHABET.length);
      }
    }
    return id;
  },

  fraction: () => Math.random(),
};
