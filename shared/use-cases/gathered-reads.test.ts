import { expect, it } from 'vitest';
import type { Versioned } from '../ports/execution-store.ts';
import { gatheredReads } from './gathered-reads.ts';

type Read = Versioned<string> | undefined;

/** A store that answers when it is told to, with what it holds then. */
function slowStore() {
  const asked: { readonly key: string; readonly answer: PromiseWithResolvers<Read> }[] = [];
  return {
    asked,
    read({ key }: { key: string }): Promise<Read> {
      const answer = Promise.withResolvers<Read>();
      asked.push({ key, answer });
      return answer.promise;
    },
    answer: (index: number, value: string) => asked[index]?.answer.resolve({ value, version: value }),
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

it('who asks while a read is under way gets the next one, with all others that do', async () => {
  const store = slowStore();
  const cells = gatheredReads(store);
  const first = cells.read({ key: 'all' });
  const later = [cells.read({ key: 'all' }), cells.read({ key: 'all' }), cells.read({ key: 'all' })];
  expect(store.asked).toHaveLength(1);
  store.answer(0, 'before');
  expect((await first)?.value).toBe('before');
  await turn();
  expect(store.asked).toHaveLength(2);
  const last = cells.read({ key: 'all' });
  store.answer(1, 'after');
  expect((await Promise.all(later)).map((one) => one?.value)).toEqual(['after', 'after', 'after']);
  await turn();
  store.answer(2, 'last');
  expect((await last)?.value).toBe('last');
  expect(store.asked).toHaveLength(3);
});

it('reads one after another are each of their own, and keys do not meet', async () => {
  const store = slowStore();
  const cells = gatheredReads(store);
  for (const [index, key] of ['one', 'other', 'one'].entries()) {
    const read = cells.read({ key });
    store.answer(index, key);
    expect((await read)?.value).toBe(key);
    await turn();
  }
  expect(store.asked.map(({ key }) => key)).toEqual(['one', 'other', 'one']);
});

it('a read that fails fails for those who shared it, and for nobody after', async () => {
  const store = slowStore();
  const cells = gatheredReads(store);
  const first = cells.read({ key: 'all' });
  const second = cells.read({ key: 'all' });
  store.asked[0]?.answer.reject(new Error('the store is away'));
  await expect(first).rejects.toThrow('the store is away');
  await turn();
  store.answer(1, 'back');
  expect((await second)?.value).toBe('back');
});
