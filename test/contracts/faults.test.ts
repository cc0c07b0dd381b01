/** The fault-injecting wrapper does what tests rely on, on real adapters. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Embedded, IN_MEMORY, openEmbedded } from '../../shared/adapters/embedded/index.ts';
import { systemClock } from '../../shared/adapters/system-clock.ts';
import { documentParsers } from '../../shared/use-cases/documents.ts';
import { type PortCall, withFaults } from '../support/faults.ts';
import { sampleExecution } from './samples.ts';

describe('withFaults', () => {
  let embedded: Embedded;
  beforeEach(() => {
    embedded = openEmbedded({ path: IN_MEMORY, clock: systemClock, parse: documentParsers });
  });
  afterEach(() => embedded.close());

  const creation = (id: string) =>
    ({ writes: [{ document: 'execution', value: sampleExecution(id), expected: 'absent' }] }) as const;

  it('numbers the calls of all ports and counts them, and what they write', async () => {
    const seen: string[] = [];
    const note = (when: string) => (call: PortCall) => {
      seen.push(`${when} ${call.n} ${call.port}.${call.method}`);
    };
    const { ports, counts, resetCounts } = withFaults(embedded, { before: note('before'), after: note('after') });
    await ports.executions.commit({ writes: [...creation('a').writes, ...creation('b').writes] });
    await ports.bus.publish({ topic: 'work', messages: [] });
    await ports.executions.readExecution({ id: 'a' });
    await ports.executions.readExecution({ id: 'b' });
    expect(seen).toEqual([
      'before 1 executions.commit',
      'after 1 executions.commit',
      'before 2 bus.publish',
      'after 2 bus.publish',
      'before 3 executions.readExecution',
      'after 3 executions.readExecution',
      'before 4 executions.readExecution',
      'after 4 executions.readExecution',
    ]);
    expect(counts()).toEqual({
      'bus.publish': { calls: 1, items: 0 },
      'executions.commit': { calls: 1, items: 2 },
      'executions.readExecution': { calls: 2, items: 2 },
    });
    resetCounts();
    expect(counts()).toEqual({});
  });

  it('keeps a call from happening, or reports its success as a failure', async () => {
    const { ports } = withFaults(embedded, {
      before: ({ n }) => {
        if (n === 1) throw new Error('lost before');
      },
      after: ({ n }) => {
        if (n === 2) throw new Error('lost after');
      },
    });
    await expect(ports.executions.commit(creation('a'))).rejects.toThrow('lost before');
    await expect(ports.executions.commit(creation('b'))).rejects.toThrow('lost after');
    expect(await ports.executions.readExecution({ id: 'a' })).toBeUndefined();
    expect(await ports.executions.readExecution({ id: 'b' })).toBeDefined();
  });

  it('passes streams and plain functions on', async () => {
    const { ports, counts } = withFaults(embedded);
    await ports.executions.commit(creation('a'));
    const observing = new AbortController();
    for await (const { id } of ports.executions.observe({ id: 'a', signal: observing.signal })) {
      expect(id).toBe('a');
      observing.abort();
    }
    expect(counts()).toMatchObject({ 'executions.observe': { calls: 1, items: 1 } });
    expect(ports.subscribe).toBe(embedded.subscribe);
  });
});
