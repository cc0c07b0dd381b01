import { describe, expect, it } from 'vitest';
import type { Clock } from '../ports/clock.ts';
import type { Cluster, Manifest } from '../ports/cluster.ts';
import { changeFenced, type Fence, fenceOf, raiseFence, writeFenced } from './conditional-write.ts';
import { SandboxCluster } from './sandbox.ts';

const clock: Clock = { now: () => Date.parse('2026-01-01T00:00:00Z'), after: () => () => {} };
const ref = { apiVersion: 'v1', kind: 'ConfigMap', name: 'items', namespace: 'shop' };

function manifest(value: string): Manifest {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'items', namespace: 'shop' }, data: { value } };
}

function fence(turn: number, attempt: number, step: number, lock = 'jp/shop/items'): Fence {
  return { lock, turn, attempt, step };
}

function write(cluster: Cluster, value: string, under: Fence, mayWrite = () => true) {
  return writeFenced({ cluster, manifest: manifest(value), fence: under, execution: `e${under.turn}`, mayWrite });
}

async function dataOf(cluster: Cluster): Promise<unknown> {
  return (await cluster.get({ ref }))?.data;
}

describe('a fenced write', () => {
  it('creates, then applies, and marks the object each time', async () => {
    const cluster = new SandboxCluster({ clock });
    expect(await write(cluster, 'a', fence(1, 1, 1))).toMatchObject({ is: 'written' });
    const written = await write(cluster, 'b', fence(1, 1, 2));
    if (written.is !== 'written') throw new Error(`it was ${written.is}`);
    expect(written.object.data).toEqual({ value: 'b' });
    expect(written.object.metadata.labels).toEqual({ 'app.kubernetes.io/managed-by': 'gennaker' });
    expect(written.object.metadata.annotations).toEqual({
      'gennaker.dev/execution': 'e1',
      'gennaker.dev/lock': 'jp/shop/items',
      'gennaker.dev/fence': '1.1.2',
    });
    expect(fenceOf(written.object)).toEqual(fence(1, 1, 2));
  });

  it('may be meant for one object alone, and brings back none that is gone', async () => {
    const cluster = new SandboxCluster({ clock });
    const first = await write(cluster, 'a', fence(1, 1, 1));
    if (first.is !== 'written') throw new Error(`it was ${first.is}`);
    const { uid } = first.object.metadata;
    const change = (under: Fence) =>
      changeFenced({
        cluster,
        manifest: { ...manifest('a'), data: { more: 'b' } },
        uid,
        fence: under,
        execution: 'e1',
        fieldManager: 'gennaker-start',
        mayWrite: () => true,
      });
    expect(await change(fence(1, 1, 2))).toMatchObject({ is: 'written', object: { data: { value: 'a', more: 'b' } } });
    expect(await change(fence(1, 1, 1))).toMatchObject({ is: 'fenced-off' });
    const live = await cluster.get({ ref });
    if (live === undefined) throw new Error('the object is gone');
    await cluster.delete({ ref, expected: live.metadata, propagation: 'background' });
    expect(await change(fence(1, 1, 3))).toEqual({ is: 'gone' });
    await write(cluster, 'another', fence(1, 1, 4));
    expect(await change(fence(1, 1, 5))).toEqual({ is: 'gone' });
    expect(await dataOf(cluster)).toEqual({ value: 'another' });
  });

  it('may be repeated under the same fence, and changes nothing then', async () => {
    const cluster = new SandboxCluster({ clock });
    await write(cluster, 'a', fence(1, 1, 1));
    await write(cluster, 'a', fence(1, 1, 1));
    const before = await cluster.get({ ref });
    await write(cluster, 'a', fence(1, 1, 1));
    expect(await cluster.get({ ref })).toEqual(before);
  });

  it('leaves alone what a step of the same attempt wrote, where an attempt writes once', async () => {
    const cluster = new SandboxCluster({ clock });
    const once = (under: Fence) =>
      writeFenced({
        cluster,
        manifest: manifest('a'),
        fence: under,
        execution: 'e1',
        mayWrite: () => true,
        oncePerAttempt: true,
      });
    await once(fence(1, 1, 1));
    const before = await cluster.get({ ref });
    expect(await once(fence(1, 1, 2))).toEqual({ is: 'written', object: before });
    expect(await cluster.get({ ref })).toEqual(before);
    await raiseFence({ cluster, ref, fence: fence(1, 2, 1), mayWrite: () => true });
    expect(await once(fence(1, 1, 3))).toMatchObject({ is: 'fenced-off' });
    expect(await once(fence(1, 3, 1))).toMatchObject({ is: 'written' });
    expect((await cluster.get({ ref }))?.metadata.annotations?.['gennaker.dev/fence']).toBe('1.3.1');
  });

  it.each([
    [fence(10, 1, 1), fence(9, 9, 9)],
    [fence(2, 10, 1), fence(2, 9, 9)],
    [fence(2, 2, 10), fence(2, 2, 9)],
  ])('refuses a lower fence after a higher one: %o', async (higher, lower) => {
    const cluster = new SandboxCluster({ clock });
    await write(cluster, 'newer', higher);
    expect(await write(cluster, 'older', lower)).toEqual({
      is: 'fenced-off',
      by: `${higher.turn}.${higher.attempt}.${higher.step}`,
      execution: `e${higher.turn}`,
    });
    expect(await dataOf(cluster)).toEqual({ value: 'newer' });
  });

  it('does not compare fences of different locks', async () => {
    const cluster = new SandboxCluster({ clock });
    await write(cluster, 'one', fence(9, 1, 1));
    expect(await write(cluster, 'two', fence(1, 1, 1, 'jp/shop/other'))).toMatchObject({ is: 'written' });
  });

  it('writes nothing once the worker has lost its step, not even after a conflict', async () => {
    const cluster = new SandboxCluster({ clock });
    expect(await write(cluster, 'a', fence(1, 1, 1), () => false)).toEqual({ is: 'not-ours' });
    expect(await cluster.get({ ref })).toBeUndefined();
    await write(cluster, 'a', fence(1, 1, 1));
    let held = true;
    const interrupted = interrupting(cluster, async () => {
      await write(cluster, 'other', fence(1, 1, 1));
      await write(cluster, 'another', fence(1, 1, 1));
      held = false;
    });
    expect(await write(interrupted, 'late', fence(1, 1, 2), () => held)).toEqual({ is: 'not-ours' });
    expect(await dataOf(cluster)).toEqual({ value: 'another' });
  });

  it('loses to a newer turn that wrote between its read and its write', async () => {
    const cluster = new SandboxCluster({ clock });
    await write(cluster, 'first', fence(1, 1, 1));
    const interrupted = interrupting(cluster, async () => {
      await write(cluster, 'newer', fence(2, 1, 1));
    });
    expect(await write(interrupted, 'older', fence(1, 1, 2))).toMatchObject({ is: 'fenced-off', by: '2.1.1' });
    expect(await dataOf(cluster)).toEqual({ value: 'newer' });
  });

  it('applies where another created the object meanwhile, and creates what was deleted meanwhile', async () => {
    const cluster = new SandboxCluster({ clock });
    const created = interrupting(cluster, async () => {
      await write(cluster, 'theirs', fence(1, 1, 1));
    });
    expect(await write(created, 'ours', fence(1, 1, 2))).toMatchObject({ is: 'written' });
    const deleted = interrupting(cluster, async () => {
      const live = await cluster.get({ ref });
      if (live !== undefined) await cluster.delete({ ref, expected: live.metadata, propagation: 'background' });
    });
    expect(await write(deleted, 'again', fence(1, 1, 3))).toMatchObject({ is: 'written' });
    expect(await dataOf(cluster)).toEqual({ value: 'again' });
  });

  it('gives up when others keep changing the object', async () => {
    const cluster = new SandboxCluster({ clock });
    await write(cluster, '0', fence(1, 1, 1));
    let changes = 0;
    const busy = interrupting(
      cluster,
      async () => {
        changes += 1;
        await write(cluster, String(changes), fence(1, 1, 1));
      },
      Number.POSITIVE_INFINITY,
    );
    await expect(write(busy, 'ours', fence(1, 1, 2))).rejects.toMatchObject({ code: 'conflict' });
    expect(changes).toBe(8);
  });
});

describe('a raised fence', () => {
  const raise = (cluster: Cluster, under: Fence, mayWrite = () => true) =>
    raiseFence({ cluster, ref, fence: under, mayWrite });

  it('keeps out a write that was read before it, and changes nothing else', async () => {
    const cluster = new SandboxCluster({ clock });
    await write(cluster, 'first', fence(1, 1, 1));
    const before = await cluster.get({ ref });
    const interrupted = interrupting(cluster, async () => {
      expect(await raise(cluster, fence(2, 1, 2))).toEqual({ is: 'raised' });
    });
    expect(await write(interrupted, 'lost', fence(2, 1, 1))).toMatchObject({ is: 'fenced-off', by: '2.1.2' });
    const after = await cluster.get({ ref });
    expect(after?.data).toEqual(before?.data);
    expect(after?.metadata.labels).toEqual(before?.metadata.labels);
    expect(after?.metadata.annotations).toMatchObject({
      'gennaker.dev/execution': 'e1',
      'gennaker.dev/fence': '2.1.2',
    });
  });

  it('leaves every field to who applied it: the next delivery may still remove one', async () => {
    const cluster = new SandboxCluster({ clock });
    await write(cluster, 'first', fence(1, 1, 1));
    await raise(cluster, fence(1, 1, 2));
    const { data: _, ...bare } = manifest('');
    const next = { cluster, manifest: bare, fence: fence(2, 1, 1), execution: 'e2', mayWrite: () => true };
    expect(await writeFenced(next)).toMatchObject({ is: 'written' });
    expect(await dataOf(cluster)).toBeUndefined();
  });

  it('is raised once, never lowered, and makes no object', async () => {
    const cluster = new SandboxCluster({ clock });
    expect(await raise(cluster, fence(1, 1, 1))).toEqual({ is: 'absent' });
    expect(await cluster.get({ ref })).toBeUndefined();
    await write(cluster, 'first', fence(3, 1, 1));
    expect(await raise(cluster, fence(2, 9, 9))).toMatchObject({ is: 'fenced-off' });
    expect(await raise(cluster, fence(3, 1, 2), () => false)).toEqual({ is: 'not-ours' });
    await raise(cluster, fence(3, 1, 2));
    const before = await cluster.get({ ref });
    expect(await raise(cluster, fence(3, 1, 2))).toEqual({ is: 'raised' });
    expect(await cluster.get({ ref })).toEqual(before);
  });
});

/** The same cluster, where something happens after each of the first reads. */
function interrupting(cluster: Cluster, happen: () => Promise<void>, times = 1): Cluster {
  let left = times;
  return new Proxy(cluster, {
    get: (target, property) => {
      if (property !== 'get') {
        const member: unknown = Reflect.get(target, property, target);
        return typeof member === 'function' ? member.bind(target) : member;
      }
      return async (query: Parameters<Cluster['get']>[0]) => {
        const live = await target.get(query);
        if (left > 0) {
          left -= 1;
          await happen();
        }
        return live;
      };
    },
  });
}
