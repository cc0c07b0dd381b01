import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Database, IN_MEMORY } from './database.ts';

describe('writes of one turn of the event loop', () => {
  let database: Database;
  beforeEach(() => {
    database = new Database(IN_MEMORY);
  });
  afterEach(() => database.close());

  const put = (name: string): number =>
    database.prepare('INSERT INTO subscriptions (name, topic) VALUES (?, ?)').run(name, 'work');
  const names = (): unknown[] =>
    database
      .prepare('SELECT name FROM subscriptions ORDER BY name')
      .all()
      .map(({ name }) => name);

  it('are made at its end, in their order, and answered after their commit', async () => {
    const written = [database.together(() => put('a')), database.together(() => names())];
    expect(names()).toEqual([]);
    expect(await Promise.all(written)).toEqual([1, ['a']]);
    expect(names()).toEqual(['a']);
  });

  it('are undone alone where one throws, or where its result is refused', async () => {
    const written = await Promise.allSettled([
      database.together(() => put('a')),
      database.together(() => {
        put('b');
        throw new Error('no');
      }),
      database.together(
        () => put('c'),
        (changes) => changes === 0,
      ),
      database.together(() => put('d')),
    ]);
    expect(written.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(names()).toEqual(['a', 'd']);
  });

  it('all fail where SQLite gives up the transaction', async () => {
    const written = await Promise.allSettled([
      database.together(() => put('a')),
      database.together(() => database.prepare("INSERT OR ROLLBACK INTO subscriptions VALUES ('a', 'other')").run()),
      database.together(() => put('b')),
    ]);
    expect(written.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(names()).toEqual([]);
    await database.together(() => put('c'));
    expect(names()).toEqual(['c']);
  });

  it('are made before the file is closed, and refused after that', async () => {
    const last = database.together(() => put('a'));
    database.close();
    expect(await last).toBe(1);
    await expect(database.together(() => undefined)).rejects.toThrow();
  });
});
