/** What Blobs must do: give back, by the hash of its content, exactly the text that was put. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Blobs, MAXIMUM_BLOB_BYTES } from '../../shared/ports/blobs.ts';
import { type MakeAdapter, unique } from './samples.ts';

export function describeBlobs(name: string, makeAdapter: MakeAdapter<Blobs>): void {
  describe(`${name}: Blobs`, () => {
    let blobs: Blobs;
    let close: () => Promise<void>;
    beforeAll(async () => {
      ({ adapter: blobs, close } = await makeAdapter());
    });
    afterAll(() => close());

    it('keeps a text under the SHA-256 of its UTF-8 bytes', async () => {
      const text = `${unique('text')}\n了解 ✓ 🚢\r\n"quoted"`;
      const hash = await blobs.put({ text });
      expect(hash).toBe(`sha256:${createHash('sha256').update(text, 'utf8').digest('hex')}`);
      expect(await blobs.get({ hash })).toBe(text);
    });

    it('keeps the same text once, however often and concurrently it is put', async () => {
      const text = unique('same');
      const hashes = await Promise.all(Array.from({ length: 5 }, () => blobs.put({ text })));
      expect(new Set(hashes).size).toBe(1);
      expect(await blobs.put({ text })).toBe(hashes[0]);
      expect(await blobs.get({ hash: hashes[0] ?? '' })).toBe(text);
    });

    it('keeps the empty text', async () => {
      expect(await blobs.get({ hash: await blobs.put({ text: '' }) })).toBe('');
    });

    it('has nothing under a hash that nobody put', async () => {
      const hash = `sha256:${createHash('sha256').update(unique('nobody')).digest('hex')}`;
      expect(await blobs.get({ hash })).toBeUndefined();
    });

    it('keeps as much as is allowed, and refuses one byte more', async () => {
      const start = unique('large');
      const text = start + '✓'.repeat(Math.floor((MAXIMUM_BLOB_BYTES - start.length) / 3));
      const padded = text + 'x'.repeat(MAXIMUM_BLOB_BYTES - Buffer.byteLength(text));
      const hash = await blobs.put({ text: padded });
      expect((await blobs.get({ hash })) === padded).toBe(true);
      await expect(blobs.put({ text: `${padded}x` })).rejects.toThrow(String(MAXIMUM_BLOB_BYTES));
    });
  });
}
