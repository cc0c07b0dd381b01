/** The addresses at which far ends call back: each names one attempt of one stage, and proves by its last part that we made it. */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** The secret from which the addresses are made; what makes them and what serves them share it. */
export const CALLBACK_SECRET = 'callback-key';

export type CallbackPlace = { readonly execution: string; readonly stage: string; readonly attempt: number };

export type Callbacks = {
  urlFor(place: CallbackPlace): string;
  /** True where `proof` is the last part of an address that this key made for the place. Takes constant time. */
  isOurs(place: CallbackPlace, proof: string): boolean;
};

/** `baseUrl` is where the API is reached from outside. */
export function callbacksOf(options: { readonly baseUrl: string; readonly key: string }): Callbacks {
  const proofOf = ({ execution, stage, attempt }: CallbackPlace): string =>
    createHmac('sha256', options.key).update(`${execution}/${stage}/${attempt}`).digest('base64url');
  return {
    urlFor: (place) =>
      `${options.baseUrl}/callbacks/${place.execution}/${place.stage}/${place.attempt}/${proofOf(place)}`,
    isOurs(place, proof) {
      const expected = Buffer.from(proofOf(place));
      const given = Buffer.from(proof);
      return expected.length === given.length && timingSafeEqual(expected, given);
    },
  };
}
