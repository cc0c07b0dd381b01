import { expect, it } from 'vitest';
import { openBench, scripted } from '../../test/support/engine-bench.ts';
import type { InboxEntry } from '../ports/inbox.ts';
import { requestRestart } from './request-restart.ts';

it('a restart stands in the inbox under its event, so that whoever asked sees what came of it', async () => {
  await using bench = openBench();
  await bench.start('e1', { stages: [scripted('build', ['fail'])] });
  await bench.settle();
  const entries: InboxEntry[] = [];
  const inbox = { record: async ({ entry }: { entry: InboxEntry }) => void entries.push(entry) };
  const answer = await requestRestart({ ...bench.engine, inbox }, { id: 'e1', by: 'Aki' });
  if (answer.is !== 'accepted') throw new Error(answer.is);
  expect(entries).toMatchObject([
    {
      id: answer.event,
      text: 'Aki asked for a restart of e1',
      verdicts: [{ is: 'started', pipeline: 'items-api', execution: answer.execution }],
    },
  ]);
  expect(await requestRestart({ ...bench.engine, inbox }, { id: 'nowhere', by: 'Aki' })).toEqual({ is: 'unknown' });
});
