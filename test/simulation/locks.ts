/** The locks of services as cells with compare-and-set, which see to it that nobody at work loses one. */

import type { LockHolder } from '../../shared/kubernetes/service-lock.ts';
import type { Cells, Lock } from '../../shared/ports/cells.ts';
import type { Version } from '../../shared/ports/execution-store.ts';
import type { SimulatedStore } from './store.ts';
import type { Worker, World } from './world.ts';

export class SimulatedLocks {
  readonly violations: string[] = [];
  private readonly cells = new Map<string, { readonly value: Lock; readonly version: Version }>();
  /** How many times each lock was taken before each holder took it: the true order of the holders. */
  private readonly order = new Map<string, number>();
  private writes = 0;
  private readonly world: World;
  private readonly store: SimulatedStore;

  constructor(world: World, store: SimulatedStore) {
    this.world = world;
    this.store = store;
  }

  portOf(worker: Worker): Cells<Lock> {
    return {
      read: ({ key }) => this.world.call(worker, `read lock ${key}`, () => this.cells.get(key)),
      write: ({ key, value, expected }) =>
        this.world.call(worker, `write lock ${key} ${value.turn} ${value.holder?.execution ?? 'free'}`, () =>
          this.write(key, value, expected),
        ),
    };
  }

  private write(key: string, value: Lock, expected: Version | 'absent'): Version | 'conflict' {
    const before = this.cells.get(key);
    if ((before?.version ?? 'absent') !== expected) return 'conflict';
    const loser = before?.value.holder;
    if (loser !== undefined && value.holder !== undefined && !this.isAtRest(loser)) {
      this.violations.push(`the lock ${key} went from ${nameOf(loser)}, which is at work, to ${nameOf(value.holder)}`);
    }
    this.writes += 1;
    if (value.holder !== undefined) this.order.set(`${key} ${nameOf(value.holder)}`, this.writes);
    const version = `l${this.writes}`;
    this.cells.set(key, { value: structuredClone(value), version });
    return version;
  }

  /** When the holder took the lock, as a number that grows; undefined where it never did. */
  orderOf(key: string, holder: LockHolder): number | undefined {
    return this.order.get(`${key} ${nameOf(holder)}`);
  }

  private isAtRest(holder: LockHolder): boolean {
    const run = this.store.runs.get(this.store.runKey(holder))?.value;
    return run === undefined || run.state.is === 'ended' || run.attempt !== holder.attempt;
  }

  /** What must hold once everything is at rest. */
  judge(): string[] {
    const held = [...this.cells].filter(([, { value }]) => value.holder !== undefined && !this.isAtRest(value.holder));
    return held.map(
      ([key, { value }]) => `the lock ${key} is held by ${value.holder?.execution}, which is not at rest`,
    );
  }
}

function nameOf({ execution, stage, attempt }: LockHolder): string {
  return `${execution}/${stage}/${attempt}`;
}
