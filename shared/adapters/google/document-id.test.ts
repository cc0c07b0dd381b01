import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { documentId, hashedId, nameOf } from './document-id.ts';

describe('the id of a document', () => {
  it.each(['items-api-7f3', 'release_jp', 'sha256:abc', 'v1.2'])('is the name where it can be: %s', (name) => {
    expect(documentId(name)).toBe(name);
  });

  it('is one that Firestore takes, and leads back to the name', () => {
    const name = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('', '.', '..', '__x__', '%2F', '%', '%.', '/'),
    );
    fc.assert(
      fc.property(name, (given) => {
        const id = documentId(given);
        expect(id).toMatch(/^(?!\.\.?$)(?!__.*__$)[^/]+$/);
        expect(nameOf(`executions/${id}`)).toBe(given);
      }),
    );
  });

  it('made of a hash keeps the parts apart', () => {
    expect(hashedId('a', 'bc')).not.toBe(hashedId('ab', 'c'));
    expect(hashedId('a')).toMatch(/^[0-9a-f]{64}$/);
  });
});
