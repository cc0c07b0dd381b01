/** What every ExecutionStore must do: atomic conditional commits, versions that can be written on, and the queries. */
import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Execution } from '../../shared/core/run.ts';
import type { Committed, ExecutionStore, Version, Write } from '../../shared/ports/execution-store.ts';
import { farFuture, type MakeAdapter, PATIENCE, sampleExecution, sampleGroup, sampleRun, unique } from './samples.ts';

const WRITERS = 20;
const ROUNDS = 3;

/** The versions of a commit that must have succeeded. */
function versionsOf(committed: Committed): readonly Version[] {
  if (committed.is !== 'committed') throw new Error('The commit was refused as a conflict and should not have been.');
  return committed.versions;
}

function firstOf(versions: readonly Version[]): Version {
  const [version] = versions;
  if (version === undefined) throw new Error('The commit gave no version for its only write.');
  return version;
}

/** For each kind of document: a write of the given generation, and which generation is stored. */
const KINDS: readonly {
  kind: Write['document'];
  write(id: string, generation: number, expected: Version | 'absent'): Write;
  read(store: ExecutionStore, id: string): Promise<{ generation: number; version: Version } | undefined>;
}[] = [
  {
    kind: 'execution',
    write: (id, generation, expected) => ({
      document: 'execution',
      value: sampleExecution(id, { revision: generation }),
      expected,
    }),
    async read(store, id) {
      const read = await store.readExecution({ id });
      return read && { generation: read.value.revision, version: read.version };
    },
  },
  {
    kind: 'run',
    write: (id, generation, expected) => ({
      document: 'run',
      value: sampleRun(id, 'release-jp', { step: generation }),
      expected,
    }),
    async read(store, id) {
      const read = await store.readRun({ execution: id, stage: 'release-jp' });
      return read && { generation: read.value.step, version: read.version };
    },
  },
  {
    kind: 'group',
    write: (id, generation, expected) => ({
      document: 'group',
      key: id,
      value: sampleGroup({ limit: generation }),
      expected,
    }),
    async read(store, id) {
      const read = await store.readGroup({ key: id });
      return read && { generation: read.value.limit, version: read.version };
    },
  },
];

export function describeExecutionStore(name: string, makeAdapter: MakeAdapter<ExecutionStore>): void {
  describe(`${name}: ExecutionStore`, () => {
    let store: ExecutionStore;
    let close: () => Promise<void>;
    beforeAll(async () => {
      ({ adapter: store, close } = await makeAdapter());
    });
    afterAll(() => close());

    const create = async (execution: Execution): Promise<Version> =>
      firstOf(
        versionsOf(await store.commit({ writes: [{ document: 'execution', value: execution, expected: 'absent' }] })),
      );

    describe.each(KINDS)('a document of kind $kind', ({ write, read }) => {
      it('is absent until it is created', async () => {
        const id = unique('absent');
        expect(await read(store, id)).toBeUndefined();
        const versions = versionsOf(await store.commit({ writes: [write(id, 1, 'absent')] }));
        expect(await read(store, id)).toEqual({ generation: 1, version: firstOf(versions) });
      });

      it('is not created twice', async () => {
        const id = unique('twice');
        await store.commit({ writes: [write(id, 1, 'absent')] });
        expect(await store.commit({ writes: [write(id, 2, 'absent')] })).toEqual({ is: 'conflict' });
        expect(await read(store, id)).toMatchObject({ generation: 1 });
      });

      it('takes the version that a commit returned for the next write, and refuses every older one', async () => {
        const id = unique('versions');
        const first = firstOf(versionsOf(await store.commit({ writes: [write(id, 1, 'absent')] })));
        const second = firstOf(versionsOf(await store.commit({ writes: [write(id, 2, first)] })));
        expect(second).not.toBe(first);
        expect(await store.commit({ writes: [write(id, 3, first)] })).toEqual({ is: 'conflict' });
        expect(await read(store, id)).toEqual({ generation: 2, version: second });
        firstOf(versionsOf(await store.commit({ writes: [write(id, 3, second)] })));
        expect(await read(store, id)).toMatchObject({ generation: 3 });
      });

      it('takes the version that a read returned', async () => {
        const id = unique('read-version');
        await store.commit({ writes: [write(id, 1, 'absent')] });
        const version = (await read(store, id))?.version ?? 'absent';
        expect((await store.commit({ writes: [write(id, 2, version)] })).is).toBe('committed');
      });

      it('gets a new version even where the value stays the same', async () => {
        const id = unique('same-value');
        const first = firstOf(versionsOf(await store.commit({ writes: [write(id, 1, 'absent')] })));
        versionsOf(await store.commit({ writes: [write(id, 1, first)] }));
        expect(await store.commit({ writes: [write(id, 2, first)] })).toEqual({ is: 'conflict' });
      });

      it('is not updated where there is none', async () => {
        const [other, id] = [unique('other'), unique('missing')];
        const version = firstOf(versionsOf(await store.commit({ writes: [write(other, 1, 'absent')] })));
        expect(await store.commit({ writes: [write(id, 1, version)] })).toEqual({ is: 'conflict' });
        expect(await read(store, id)).toBeUndefined();
      });

      it(`lets one of ${WRITERS} writers at once win each version`, async () => {
        const id = unique('contended');
        let expected: Version | 'absent' = 'absent';
        for (let round = 0; round < ROUNDS; round += 1) {
          const results: Committed[] = await Promise.all(
            Array.from({ length: WRITERS }, (_, writer) =>
              store.commit({ writes: [write(id, round * WRITERS + writer + 1, expected)] }),
            ),
          );
          const winners = results.flatMap((result, writer) => (result.is === 'committed' ? [{ result, writer }] : []));
          expect(winners).toHaveLength(1);
          const stored = await read(store, id);
          expect(stored?.generation).toBe(round * WRITERS + (winners[0]?.writer ?? -1) + 1);
          expected = stored?.version ?? 'absent';
        }
      });

      it.each(KINDS)('that is not as expected keeps a write of kind $kind from happening', async (other) => {
        const [id, stale] = [unique('atomic'), unique('stale')];
        const version = firstOf(versionsOf(await store.commit({ writes: [other.write(id, 1, 'absent')] })));
        await store.commit({ writes: [write(stale, 1, 'absent')] });
        const refused = write(stale, 2, 'absent');
        const accepted = other.write(id, 2, version);
        expect(await store.commit({ writes: [accepted, refused] })).toEqual({ is: 'conflict' });
        expect(await store.commit({ writes: [refused, accepted] })).toEqual({ is: 'conflict' });
        expect(await other.read(store, id)).toEqual({ generation: 1, version });
        expect(await read(store, stale)).toMatchObject({ generation: 1 });
      });
    });

    it('commits documents of all kinds together and returns their versions in the order of the writes', async () => {
      const id = unique('together');
      const writes: Write[] = KINDS.map((kind) => kind.write(id, 1, 'absent'));
      writes.push({ document: 'run', value: sampleRun(id, 'release-us'), expected: 'absent' });
      const versions = versionsOf(await store.commit({ writes }));
      expect(versions).toHaveLength(writes.length);
      for (const [index, kind] of KINDS.entries()) {
        expect((await kind.read(store, id))?.version).toBe(versions[index]);
      }
      expect((await store.readRun({ execution: id, stage: 'release-us' }))?.version).toBe(versions[3]);
    });

    it('gives back every field as it was written', async () => {
      const id = unique('fields');
      const execution = sampleExecution(id, {
        restartOf: 'items-api-0',
        sweepAt: 1_700_000_060_000,
        trace: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        stop: { because: { code: 'cancelled-by-person', text: 'Mia cancelled it.' }, end: 'cancelled', revision: 1 },
      });
      const run = sampleRun(id, 'release-jp', {
        state: {
          is: 'waiting',
          for: { signal: 'approve', until: 1_700_000_900_000 },
          reason: { code: 'signal-not-received', text: 'Waits for approval.', unblock: 'gennaker approve' },
          input: { by: 'time' },
        },
      });
      const group = sampleGroup({ limit: 2, holders: [id], queue: ['a', 'b'] });
      await store.commit({
        writes: [
          { document: 'execution', value: execution, expected: 'absent' },
          { document: 'run', value: run, expected: 'absent' },
          { document: 'group', key: id, value: group, expected: 'absent' },
        ],
      });
      expect((await store.readExecution({ id }))?.value).toEqual(execution);
      expect((await store.readRun({ execution: id, stage: 'release-jp' }))?.value).toEqual(run);
      expect((await store.readGroup({ key: id }))?.value).toEqual(group);
    });

    it('keeps groups apart whatever characters their keys have', async () => {
      const id = unique('key');
      const keys = [`${id}/a b`, `${id}%2Fa b`, `${id}/a`, `${id}.`, `${id}#é`];
      for (const [index, key] of keys.entries()) {
        const write: Write = { document: 'group', key, value: sampleGroup({ limit: index + 1 }), expected: 'absent' };
        versionsOf(await store.commit({ writes: [write] }));
      }
      for (const [index, key] of keys.entries()) {
        expect((await store.readGroup({ key }))?.value.limit).toBe(index + 1);
      }
    });

    it('reads the runs of one execution, and of no other whose id begins the same', async () => {
      const id = unique('runs');
      expect(await store.readRuns({ execution: id })).toEqual([]);
      const writes: Write[] = [
        [id, 'build'],
        [id, 'release-jp'],
        [`${id}0`, 'release-us'],
      ].map(([execution = '', stage = '']) => ({
        document: 'run',
        value: sampleRun(execution, stage),
        expected: 'absent',
      }));
      const versions = versionsOf(await store.commit({ writes }));
      const runs = await store.readRuns({ execution: id });
      expect(new Map(runs.map(({ value, version }) => [value.stage, version]))).toEqual(
        new Map([
          ['build', versions[0]],
          ['release-jp', versions[1]],
        ]),
      );
    });

    it('names what is due, the most overdue first, and nothing that is settled', async () => {
      const prefix = unique('due');
      const base = randomInt(1_000, 1_000_000_000);
      const delays = { a: 300, b: 100, c: 301, d: 200 };
      const versions = new Map<string, Version>();
      for (const [label, delay] of Object.entries(delays)) {
        const id = `${prefix}-${label}`;
        versions.set(id, await create(sampleExecution(id, { sweepAt: base + delay })));
      }
      const ours = async (limit: number) =>
        (await store.due({ before: base + 300, limit })).filter((id) => id.startsWith(prefix));
      expect(await ours(100)).toEqual([`${prefix}-b`, `${prefix}-d`, `${prefix}-a`]);
      expect((await store.due({ before: base + 300, limit: 1 })).length).toBe(1);

      for (const [id, expected] of versions) {
        versionsOf(await store.commit({ writes: [{ document: 'execution', value: sampleExecution(id), expected }] }));
      }
      expect(await ours(100)).toEqual([]);
    });

    it('moves what is due when its sweep moves on', async () => {
      const id = unique('moved');
      const base = randomInt(1_000, 1_000_000_000);
      const first = await create(sampleExecution(id, { sweepAt: base }));
      const moved = sampleExecution(id, { sweepAt: base + 1000 });
      const second = firstOf(
        versionsOf(await store.commit({ writes: [{ document: 'execution', value: moved, expected: first }] })),
      );
      expect(await store.due({ before: base + 999, limit: 100 })).not.toContain(id);
      expect(await store.due({ before: base + 1000, limit: 100 })).toContain(id);
      await store.commit({ writes: [{ document: 'execution', value: sampleExecution(id), expected: second }] });
    });

    it('lists the newest first, page by page', async () => {
      const prefix = unique('page');
      const base = farFuture();
      for (const offset of [2, 5, 1, 4, 3]) {
        await create(sampleExecution(`${prefix}-${offset}`, { createdAt: base + offset }));
      }
      const page = await store.list({ limit: 2, before: base + 6 });
      expect(page.map(({ id }) => id)).toEqual([`${prefix}-5`, `${prefix}-4`]);
      const next = await store.list({ limit: 2, before: base + 4 });
      expect(next.map(({ id }) => id)).toEqual([`${prefix}-3`, `${prefix}-2`]);
      expect((await store.list({ limit: 1 })).length).toBe(1);
    });

    it('lists those of one pipeline, and those whose ids begin with a prefix', async () => {
      const [pipeline, other] = [unique('items'), unique('likes')];
      const prefix = unique('prefix');
      const created: [string, string][] = [
        [`${prefix}-a1`, pipeline],
        [`${prefix}-a2`, pipeline],
        [`${prefix}-b3`, pipeline],
        [`${prefix}-a4`, other],
      ];
      for (const [index, [id, of]] of created.entries()) {
        await create(sampleExecution(id, { pipeline: of, createdAt: 1_700_000_000_000 + index }));
      }
      const ids = async (query: { pipeline?: string; idPrefix?: string; before?: number; limit?: number }) =>
        (await store.list({ limit: 10, ...query })).map(({ id }) => id.slice(prefix.length + 1));
      expect(await ids({ pipeline })).toEqual(['b3', 'a2', 'a1']);
      expect(await ids({ pipeline, limit: 1, before: 1_700_000_000_002 })).toEqual(['a2']);
      expect(await ids({ idPrefix: `${prefix}-a` })).toEqual(['a4', 'a2', 'a1']);
      expect(await ids({ idPrefix: `${prefix}-a`, limit: 2 })).toEqual(['a4', 'a2']);
      expect(await ids({ pipeline, idPrefix: `${prefix}-a` })).toEqual(['a2', 'a1']);
      expect(await ids({ idPrefix: `${prefix}_a` })).toEqual([]);
      expect(await ids({ idPrefix: `${prefix}-%` })).toEqual([]);
    });

    it('shows an observer the execution now and its last change, and ends when the signal aborts', async () => {
      const id = unique('observed');
      let version = await create(sampleExecution(id));
      const last = 10;
      const observing = new AbortController();
      const seen: number[] = [];
      const ended = (async () => {
        for await (const { revision } of store.observe({ id, signal: observing.signal })) seen.push(revision);
      })();
      await expect.poll(() => seen.length, PATIENCE).toBeGreaterThan(0);
      for (let revision = 2; revision <= last; revision += 1) {
        const value = sampleExecution(id, { revision });
        version = firstOf(
          versionsOf(await store.commit({ writes: [{ document: 'execution', value, expected: version }] })),
        );
      }
      await expect.poll(() => seen.at(-1), PATIENCE).toBe(last);
      expect(seen[0]).toBe(1);
      expect(seen).toEqual([...new Set(seen)].sort((left, right) => left - right));
      observing.abort();
      await ended;
    });

    it('ends an observation at once where the signal has aborted before', async () => {
      const id = unique('aborted');
      await create(sampleExecution(id));
      for await (const execution of store.observe({ id, signal: AbortSignal.abort() })) {
        throw new Error(`The observation showed ${execution.id} after its signal had aborted.`);
      }
    });
  });
}
