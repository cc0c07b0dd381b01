/** The state machine's documents in memory, with the invariants checked at every commit. */
import type { Execution, Group, Run } from '../../shared/core/run.ts';
import type { Committed, Version, Write } from '../../shared/ports/execution-store.ts';

type Kept<T> = { readonly value: T; readonly version: Version };

export class Violation extends Error {
  override readonly name = 'Violation';
}

export class SimulatedStore {
  readonly executions = new Map<string, Kept<Execution>>();
  readonly runs = new Map<string, Kept<Run>>();
  readonly groups = new Map<string, Kept<Group>>();
  readonly blobs = new Map<string, string>();
  /** When each execution ended, in the world's own time. */
  readonly endedAt = new Map<string, number>();
  readonly violations: string[] = [];
  private versions = 0;
  private readonly worldTime: () => number;

  constructor(worldTime: () => number) {
    this.worldTime = worldTime;
  }

  runKey(query: { execution: string; stage: string }): string {
    return `${query.execution}/${query.stage}`;
  }

  private kept(write: Write): Kept<unknown> | undefined {
    switch (write.document) {
      case 'execution':
        return this.executions.get(write.value.id);
      case 'run':
        return this.runs.get(this.runKey(write.value));
      case 'group':
        return this.groups.get(write.key);
    }
  }

  commit(writes: readonly Write[]): Committed {
    for (const write of writes) {
      const version = this.kept(write)?.version ?? 'absent';
      if (version !== write.expected) return { is: 'conflict' };
    }
    const groups = new Set<string>();
    const versions = writes.map((write): Version => {
      this.versions += 1;
      const version = `v${this.versions}`;
      // Through JSON, as bytes would go: nothing is shared between a document and who wrote it.
      switch (write.document) {
        case 'execution': {
          this.checkMove(this.executions.get(write.value.id)?.value, write.value);
          this.executions.set(write.value.id, { value: structuredClone(write.value), version });
          groups.add(write.value.group);
          break;
        }
        case 'run':
          this.runs.set(this.runKey(write.value), { value: structuredClone(write.value), version });
          break;
        case 'group':
          this.checkLimit(write.key, this.groups.get(write.key)?.value, write.value);
          this.groups.set(write.key, { value: structuredClone(write.value), version });
          groups.add(write.key);
      }
      return version;
    });
    for (const key of groups) this.checkGroup(key);
    return { is: 'committed', versions };
  }

  private fault(text: string): void {
    this.violations.push(text);
  }

  private checkMove(before: Execution | undefined, next: Execution): void {
    const settled = before?.revision === next.revision;
    if (before?.phase.is === 'ended' && !settled) this.fault(`${next.id} moved after its end`);
    if (!settled && next.revision !== (before?.revision ?? 0) + 1) {
      this.fault(`${next.id} went from revision ${before?.revision} to ${next.revision}`);
    }
    if (before !== undefined && next.at < before.at) this.fault(`${next.id}'s time ran backwards`);
    if (next.phase.is === 'ended' && !this.endedAt.has(next.id)) this.endedAt.set(next.id, this.worldTime());
    const open = next.stages.filter((one) => ['pending', 'running', 'waiting'].includes(one.status)).length;
    if (open !== next.open) this.fault(`${next.id} counts ${next.open} open stages and has ${open}`);
  }

  /** A limit may be lowered while more than it run; nobody may join them then. */
  private checkLimit(key: string, before: Group | undefined, next: Group): void {
    const joined = next.holders.some((one) => !(before?.holders ?? []).includes(one));
    if (joined && next.holders.length > next.limit) {
      this.fault(`group ${key}: ${next.holders.length} hold ${next.limit} slots`);
    }
  }

  private checkGroup(key: string): void {
    const group = this.groups.get(key)?.value;
    const inPhase = (phase: string): string[] =>
      [...this.executions.values()]
        .filter((one) => one.value.group === key && one.value.phase.is === phase)
        .map((one) => one.value.id)
        .sort();
    const running = inPhase('running');
    const holders = [...(group?.holders ?? [])].sort();
    const queued = [...(group?.queue ?? [])].sort();
    const limit = group?.limit ?? 0;
    if (running.join() !== holders.join()) this.fault(`group ${key}: running ${running} but holders ${holders}`);
    if (inPhase('queued').join() !== queued.join()) this.fault(`group ${key}: queue is not the queued executions`);
    if (queued.length > 0 && holders.length < limit) this.fault(`group ${key}: ${queued} queued beside a free slot`);
  }
}
