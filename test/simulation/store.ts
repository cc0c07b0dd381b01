/** The state machine's documents in memory, with the invariants checked at every commit. */
import { createHash } from 'node:crypto';
import { isWait } from '../../shared/core/reason.ts';
import type { Execution, Group, Run } from '../../shared/core/run.ts';
import { hasMail } from '../../shared/core/stage.ts';
import type { Committed, Version, Write } from '../../shared/ports/execution-store.ts';

type Kept<T> = { readonly value: T; readonly version: Version };

export class SimulatedStore {
  readonly executions = new Map<string, Kept<Execution>>();
  readonly runs = new Map<string, Kept<Run>>();
  readonly groups = new Map<string, Kept<Group>>();
  readonly blobs = new Map<string, string>();
  /** When each execution ended, in the world's own time. */
  readonly endedAt = new Map<string, number>();
  /** When each stage was let start, by `execution/stage`, in the world's own time. */
  readonly startedAt = new Map<string, number>();
  /** When each stage ended, by `execution/stage`, in the world's own time. */
  readonly restedAt = new Map<string, number>();
  /** The first execution that was seen in each wait, by the wait's code. */
  readonly waits = new Map<string, Execution>();
  /** How often each step was claimed, by `execution/stage/attempt/step`, and when first, in the world's own time. */
  readonly claims = new Map<string, { count: number; readonly first: number }>();
  /** The stages of which any step was claimed: those of a restart that were carried over are not among them. */
  readonly worked = new Set<string>();
  /** Steps that were run again because their outcome said so. */
  readonly repeated = new Set<string>();
  readonly violations: string[] = [];
  private versions = 0;
  private readonly worldTime: () => number;

  constructor(worldTime: () => number) {
    this.worldTime = worldTime;
  }

  runKey(query: { execution: string; stage: string }): string {
    return `${query.execution}/${query.stage}`;
  }

  putBlob(text: string): string {
    const hash = `sha256:${createHash('sha256').update(text).digest('hex')}`;
    this.blobs.set(hash, text);
    return hash;
  }

  runsOf(execution: string): Kept<Run>[] {
    return [...this.runs.values()].filter((run) => run.value.execution === execution);
  }

  /** The executions that must have moved by then. */
  due(before: number, limit: number): string[] {
    const isDue = ({ value }: Kept<Execution>): boolean => value.sweepAt !== undefined && value.sweepAt <= before;
    const ids = [...this.executions.values()].filter(isDue).map(({ value }) => value.id);
    return ids.slice(0, limit);
  }

  /** True once the stage has ended and its stop, where there was one, did what it had to. */
  isAtRest(query: { execution: string; stage: string }): boolean {
    const state = this.runs.get(this.runKey(query))?.value.state;
    if (state?.is !== 'ended') return false;
    return !/Stopping it failed|could not be brought to rest/.test(state.reason?.text ?? '');
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
          this.executions.set(write.value.id, { value: copyOf(write.value), version });
          groups.add(write.value.group);
          break;
        }
        case 'run':
          this.checkRun(this.runs.get(this.runKey(write.value))?.value, write.value);
          this.runs.set(this.runKey(write.value), { value: copyOf(write.value), version });
          break;
        case 'group':
          this.checkLimit(write.key, this.groups.get(write.key)?.value, write.value);
          this.groups.set(write.key, { value: copyOf(write.value), version });
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
    this.checkWaits(next);
    const open = next.stages.filter((one) => ['pending', 'running', 'waiting'].includes(one.status)).length;
    if (open !== next.open) this.fault(`${next.id} counts ${next.open} open stages and has ${open}`);
  }

  /** Whatever does not move says why, and what moves it on. */
  private checkWaits(next: Execution): void {
    const waiting = next.stages.flatMap((one) => (one.status === 'waiting' ? [one.reason] : []));
    for (const reason of next.phase.is === 'queued' ? [next.phase.reason] : waiting) {
      if (reason?.unblock === undefined || reason.text === '' || !isWait(reason.code)) {
        this.fault(`${next.id} waits and says no more than ${JSON.stringify(reason)}`);
      } else if (!this.waits.has(reason.code)) this.waits.set(reason.code, copyOf(next));
    }
  }

  private checkRun(before: Run | undefined, next: Run): void {
    const name = this.runKey(next);
    if (before?.state.is === 'ended') this.fault(`the run of ${name} moved after its end`);
    if (before !== undefined) {
      if (next.at < before.at) this.fault(`the time of ${name} ran backwards`);
      const back = next.attempt < before.attempt || (next.attempt === before.attempt && next.step < before.step);
      if (back) this.fault(`${name} went back to step ${next.attempt}/${next.step}`);
    }
    if (before !== undefined && before.doing === 'forward' && next.stop?.because.code === 'stage-timed-out') {
      if (hasMail(before)) this.fault(`${name} timed out though the signal that it waited for had come in time`);
    }
    if (before === undefined) this.startedAt.set(name, this.worldTime());
    if (next.state.is === 'ended') this.restedAt.set(name, this.worldTime());
    const key = `${name}/${next.attempt}/${next.step}`;
    if (next.repeats > 0) this.repeated.add(key);
    if (next.state.is !== 'claimed') return;
    if (before?.state.is === 'claimed' && before.state.by === next.state.by) return;
    this.worked.add(name);
    const claims = this.claims.get(key);
    if (claims === undefined) this.claims.set(key, { count: 1, first: this.worldTime() });
    else claims.count += 1;
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

function copyOf<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
