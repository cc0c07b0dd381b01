import { describe, expect, it } from 'vitest';
import { openBench, scripted } from '../../test/support/engine-bench.ts';
import { statusOf } from '../core/execution.ts';
import type { Message } from '../ports/bus.ts';
import type { Inbox } from '../ports/inbox.ts';
import { failDeadLetter } from './fail-dead-letter.ts';

const entries: string[] = [];
const inbox: Pick<Inbox, 'record'> = {
  record: async ({ entry }) => void entries.push(entry.id),
};

const letterOf = (message: Message) => ({
  ...message,
  attributes: { ...message.attributes, CloudPubSubDeadLetterSourceDeliveryCount: '20' },
  messageId: 'm1',
  subscription: 'dead-letters',
});

describe('a dead letter', () => {
  it('stops the execution that waits for it', async () => {
    await using bench = openBench();
    await bench.start('e1', { stages: [scripted('build')] });
    const [letter] = bench.waiting;
    if (letter === undefined) throw new Error('no work was sent');
    bench.lose();
    expect(await failDeadLetter({ ...bench.engine, inbox }, letterOf(letter))).toBe('done');
    await bench.settle();
    expect(statusOf(await bench.execution('e1'))).toBe('failed');
    expect(entries).toContain('dead-letter-m1');
  });

  it('of a step that another delivery got done stops nothing', async () => {
    await using bench = openBench();
    await bench.start('e1', { stages: [scripted('build', ['wait'])] });
    const [letter] = bench.waiting;
    if (letter === undefined) throw new Error('no work was sent');
    await bench.settle();
    await failDeadLetter({ ...bench.engine, inbox }, letterOf(letter));
    expect((await bench.execution('e1')).stop).toBeUndefined();
  });
});
