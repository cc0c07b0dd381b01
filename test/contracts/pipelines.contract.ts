/** What Pipelines must do: keep each pipeline with its triggers, and find triggers by key alone. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AppliedPipeline, Pipelines, Schedules, TriggerEntry } from '../../shared/ports/pipelines.ts';
import { putPipeline } from '../support/put-pipeline.ts';
import { type MakeAdapter, PLAN_HASH, unique } from './samples.ts';

function applied(name: string, change: Partial<AppliedPipeline> = {}): AppliedPipeline {
  return {
    format: 1,
    name,
    team: 'items',
    file: 'gennaker.yaml',
    definition: { pipeline: name, stages: { release: { uses: 'deploy', targets: ['jp', 'us'], with: {} } }, on: [] },
    appliedAt: 1_700_000_000_000,
    generation: 1,
    ...change,
  };
}

export function describePipelines(
  name: string,
  makeAdapter: MakeAdapter<{ readonly pipelines: Pipelines; readonly schedules: Schedules }>,
): void {
  describe(`${name}: Pipelines`, () => {
    let pipelines: Pipelines;
    let schedules: Schedules;
    let close: () => Promise<void>;
    beforeAll(async () => {
      ({
        adapter: { pipelines, schedules },
        close,
      } = await makeAdapter());
    });
    afterAll(() => close());

    const trigger = (key: string, pipeline: string, index: number): TriggerEntry => ({ key, pipeline, index });
    const found = async (key: string) =>
      (await pipelines.triggers({ key })).toSorted(
        (left, right) => left.pipeline.localeCompare(right.pipeline) || left.index - right.index,
      );

    it('has no pipeline that was not put', async () => {
      expect(await pipelines.get({ name: unique('absent') })).toBeUndefined();
      expect(await pipelines.triggers({ key: `image:${unique('absent')}` })).toEqual([]);
    });

    it('replaces a pipeline whole', async () => {
      const id = unique('items-api');
      const first = applied(id, { files: PLAN_HASH });
      await putPipeline(pipelines, first);
      expect(await pipelines.get({ name: id })).toEqual(first);
      const second = applied(id, { generation: 2, team: 'social' });
      await putPipeline(pipelines, second);
      expect(await pipelines.get({ name: id })).toEqual(second);
    });

    it('replaces all triggers of a pipeline, and leaves those of others', async () => {
      const [items, likes] = [unique('items-api'), unique('likes-api')];
      const [oldKey, newKey, shared] = ['old', 'new', 'shared'].map((part) => `image:acme.dev/${items}/${part}`) as [
        string,
        string,
        string,
      ];
      await putPipeline(pipelines, applied(items), [
        trigger(oldKey, items, 0),
        trigger(shared, items, 1),
        trigger(shared, items, 2),
      ]);
      await putPipeline(pipelines, applied(likes), [trigger(shared, likes, 0)]);
      expect(await found(oldKey)).toEqual([trigger(oldKey, items, 0)]);
      expect(await found(shared)).toEqual([
        trigger(shared, items, 1),
        trigger(shared, items, 2),
        trigger(shared, likes, 0),
      ]);

      await putPipeline(pipelines, applied(items, { generation: 2 }), [trigger(newKey, items, 0)]);
      expect(await found(oldKey)).toEqual([]);
      expect(await found(newKey)).toEqual([trigger(newKey, items, 0)]);
      expect(await found(shared)).toEqual([trigger(shared, likes, 0)]);

      await putPipeline(pipelines, applied(items, { generation: 3 }));
      expect(await found(newKey)).toEqual([]);
    });

    it('changes several at once, all of them or none', async () => {
      const [kept, made, gone] = ['kept', 'made', 'gone'].map(unique) as [string, string, string];
      const key = (name: string): string => `image:acme.dev/${name}`;
      const put = (name: string, generation: number) => ({
        pipeline: applied(name, { generation }),
        triggers: [trigger(key(name), name, generation)],
        expected: generation - 1,
      });
      expect(await pipelines.change({ puts: [put(kept, 1), put(gone, 1)], removals: [] })).toBe('changed');

      // Each of these has one change that is refused, and so nothing of it happens.
      const refused = [
        { puts: [put(kept, 2), put(made, 2)], removals: [] },
        { puts: [put(kept, 2), put(gone, 1)], removals: [] },
        { puts: [put(kept, 2)], removals: [{ name: gone, expected: 2 }] },
        { puts: [put(kept, 2)], removals: [{ name: made, expected: 1 }] },
      ];
      for (const changes of refused) expect(await pipelines.change(changes)).toBe('conflict');
      expect(await pipelines.get({ name: kept })).toEqual(applied(kept));
      expect(await pipelines.get({ name: gone })).toEqual(applied(gone));
      expect(await found(key(kept))).toEqual([trigger(key(kept), kept, 1)]);

      const changes = { puts: [put(kept, 2), put(made, 1)], removals: [{ name: gone, expected: 1 }] };
      expect(await pipelines.change(changes)).toBe('changed');
      expect(await pipelines.get({ name: kept })).toEqual(applied(kept, { generation: 2 }));
      expect(await pipelines.get({ name: made })).toEqual(applied(made));
      expect(await pipelines.get({ name: gone })).toBeUndefined();
      expect(await found(key(kept))).toEqual([trigger(key(kept), kept, 2)]);
      expect(await found(key(gone))).toEqual([]);
      expect(await pipelines.change({ puts: [], removals: [] })).toBe('changed');
    });

    it('finds triggers by the whole key only', async () => {
      const id = unique('items-api');
      const key = `image:acme.dev:5000/${id}/api`;
      await putPipeline(pipelines, applied(id), [trigger(key, id, 0)]);
      for (const other of [key.slice(0, -1), `${key}s`, key.toUpperCase(), key.replaceAll('/', '%2F')]) {
        expect(await found(other)).toEqual([]);
      }
      expect(await found(key)).toEqual([trigger(key, id, 0)]);
    });

    it('lists pipelines by name, page by page', async () => {
      const prefix = unique('list');
      for (const part of ['c', 'a', 'd', 'b']) {
        await putPipeline(pipelines, applied(`${prefix}-${part}`));
      }
      const page = await pipelines.list({ limit: 2, after: prefix });
      expect(page.map((pipeline) => pipeline.name)).toEqual([`${prefix}-a`, `${prefix}-b`]);
      expect(page[0]).toEqual(applied(`${prefix}-a`));
      const next = await pipelines.list({ limit: 2, after: `${prefix}-b` });
      expect(next.map((pipeline) => pipeline.name)).toEqual([`${prefix}-c`, `${prefix}-d`]);
      expect((await pipelines.list({ limit: 1 })).length).toBe(1);
    });

    describe('schedules', () => {
      const rule = { cron: '0 10 * * *', timezone: 'Asia/Tokyo', delayMs: 0, catchUpMs: 3_600_000 };
      const scheduled = (key: string, pipeline: string, index = 0): TriggerEntry => ({
        key,
        pipeline,
        index,
        schedule: rule,
      });
      const base = 1_000_000;
      const dueOf = async (names: readonly string[], before: number) =>
        (await schedules.dueSchedules({ before, limit: 500 })).filter(({ value }) => names.includes(value.pipeline));

      it('begin with the pipeline, are moved on by who read them last, and end with it', async () => {
        const id = unique('nightly');
        const key = `cron:${id}:a`;
        const pipeline = applied(id, { appliedAt: base });
        await putPipeline(pipelines, pipeline, [scheduled(key, id)]);
        expect(await pipelines.triggers({ key })).toEqual([{ key, pipeline: id, index: 0 }]);
        const [first] = await dueOf([id], base);
        const value = { format: 1, pipeline: id, key, rule, doneUntil: base, dueAt: base } as const;
        expect(first?.value).toEqual(value);
        expect(await dueOf([id], base - 1)).toEqual([]);
        const version = first?.version ?? '';
        const moved = { ...value, doneUntil: base + 1_000, dueAt: base + 5_000 };
        expect(await schedules.moveSchedule({ value: moved, version })).toBe('moved');
        expect(await schedules.moveSchedule({ value: { ...moved, dueAt: base }, version })).toBe('conflict');
        expect(await dueOf([id], base + 4_999)).toEqual([]);
        const [second] = await dueOf([id], base + 5_000);
        expect(second?.value).toEqual(moved);
        await pipelines.change({ puts: [], removals: [{ name: id, expected: 1 }] });
        expect(await dueOf([id], base + 5_000)).toEqual([]);
        expect(await schedules.moveSchedule({ value: moved, version: second?.version ?? '' })).toBe('conflict');
      });

      it('go on where they stand when the pipeline is put again, wherever in it they are', async () => {
        const id = unique('nightly');
        const [kept, gone, late] = ['kept', 'gone', 'late'].map((part) => `cron:${id}:${part}`) as [
          string,
          string,
          string,
        ];
        const entries = [scheduled(kept, id), scheduled(gone, id, 1)];
        await putPipeline(pipelines, applied(id, { appliedAt: base }), entries);
        const [one] = (await dueOf([id], base)).filter(({ value }) => value.key === kept);
        if (one === undefined) throw new Error('the schedule is not due');
        await schedules.moveSchedule({ ...one, value: { ...one.value, doneUntil: base + 10, dueAt: base + 20 } });
        const again = applied(id, { appliedAt: base + 100, generation: 2 });
        const triggers = [scheduled(late, id), scheduled(kept, id, 1)];
        expect(await pipelines.change({ puts: [{ pipeline: again, triggers, expected: 1 }], removals: [] })).toBe(
          'changed',
        );
        const found = await dueOf([id], base + 100);
        expect(found.map(({ value }) => [value.key, value.doneUntil, value.dueAt]).sort()).toEqual([
          [kept, base + 10, base + 20],
          [late, base + 100, base + 100],
        ]);
      });

      it('are found the most overdue first, and no more than asked for', async () => {
        const names = ['b', 'a', 'c'].map((part) => unique(part));
        for (const [index, id] of names.entries()) {
          await putPipeline(pipelines, applied(id, { appliedAt: base + 10 - index }), [scheduled(`cron:${id}`, id)]);
        }
        expect((await dueOf(names, base + 10)).map(({ value }) => value.pipeline)).toEqual([...names].reverse());
        expect(await schedules.dueSchedules({ before: base + 10, limit: 2 })).toHaveLength(2);
      });
    });
  });
}
