import { describe, expect, it } from 'vitest';
import { planOf } from '../../test/support/execution-fixtures.ts';
import type { Blobs } from '../ports/blobs.ts';
import { UnreadableDocument } from './documents.ts';
import { MissingPlan, planReader } from './plans.ts';

function memoryBlobs(): Blobs & { readonly texts: Map<string, string>; reads: number } {
  const texts = new Map<string, string>();
  const blobs = {
    texts,
    reads: 0,
    async put({ text }: { text: string }) {
      const hash = `sha256:${Buffer.from(text).toString('hex')}`;
      texts.set(hash, text);
      return hash;
    },
    async get({ hash }: { hash: string }) {
      blobs.reads += 1;
      return texts.get(hash);
    },
  };
  return blobs;
}

describe('plans', () => {
  it('are read back as they were put, once', async () => {
    const blobs = memoryBlobs();
    const { hash } = await planReader(blobs).put(planOf());
    const reader = planReader(blobs);
    const indexed = await reader.get(hash);
    expect(indexed).toMatchObject({ hash, plan: planOf() });
    expect(await reader.get(hash)).toBe(indexed);
    expect(await reader.put(planOf())).toBe(indexed);
    expect(blobs.reads).toBe(1);
  });

  it('are the same plan whatever the order of their fields', async () => {
    const reader = planReader(memoryBlobs());
    const { format, ...rest } = planOf();
    expect((await reader.put({ ...rest, format })).hash).toBe((await reader.put(planOf())).hash);
  });

  it('beyond those that fit are read again', async () => {
    const blobs = memoryBlobs();
    const reader = planReader(blobs);
    const { hash } = await reader.put(planOf());
    for (let count = 0; count < 500; count += 1) await reader.put(planOf({ stages: [], pipeline: `p${count}` }));
    expect(blobs.reads).toBe(0);
    expect(await reader.get(hash)).toMatchObject({ plan: planOf() });
    expect(blobs.reads).toBe(1);
  });

  it('that are not there are missing, with their hash', async () => {
    const reader = planReader(memoryBlobs());
    await expect(reader.get('sha256:00')).rejects.toThrow(MissingPlan);
    await expect(reader.get('sha256:00')).rejects.toThrow('the plan sha256:00 is not in the store');
  });

  it('that are damaged are unreadable', async () => {
    const blobs = memoryBlobs();
    const hash = await blobs.put({ text: '{"format":1}' });
    await expect(planReader(blobs).get(hash)).rejects.toThrow(UnreadableDocument);
  });
});
