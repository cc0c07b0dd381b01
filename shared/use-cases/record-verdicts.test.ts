import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Embedded, IN_MEMORY, openEmbedded } from '../adapters/embedded/index.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { systemRandom } from '../adapters/system-random.ts';
import type { Inbox, Verdict } from '../ports/inbox.ts';
import { sourceEvent } from '../triggers/source.ts';
import { documentParsers } from './documents.ts';
import { type RecordPorts, recordChanges, recordVerdicts } from './record-verdicts.ts';

/** Pauses between conflicting writes are real. */
const clock = { now: () => 1_700_000_100_000, after: systemClock.after };
const VERDICTS: readonly Verdict[] = [{ is: 'started', pipeline: 'items-api', execution: 'e1', trigger: 0 }];
const EVENT = sourceEvent.parse({
  id: 'github-1',
  source: 'github',
  at: 1_700_000_000_000,
  text: 'aki pushed to main',
  type: 'commit-pushed',
  commit: { repository: 'https://github.com/acme/items', ref: 'refs/heads/main', after: 'a'.repeat(40) },
});
if (EVENT.type !== 'commit-pushed') throw new Error('the event is about a commit');
const PUSH = EVENT;

let embedded: Embedded;
let ports: RecordPorts;
beforeEach(() => {
  embedded = openEmbedded({ path: IN_MEMORY, clock, parse: documentParsers });
  ports = { inbox: embedded.inbox, clock, random: systemRandom };
});
afterEach(() => embedded.close());

const entry = () => embedded.inbox.get({ id: PUSH.id });
const first = { verdicts: VERDICTS, isRepeat: false };
const repeat = { verdicts: VERDICTS, isRepeat: true };
const BOTH = { text: PUSH.text, changes: ['syncs items'], verdicts: VERDICTS };

/** The other subscriber writes between this one's reading and writing, once. */
function meanwhile(write: () => Promise<void>): RecordPorts {
  let isDone = false;
  const inbox: RecordPorts['inbox'] = {
    record: (command) => embedded.inbox.record(command),
    replace: (command) => embedded.inbox.replace(command),
    async read(query: Parameters<Inbox['read']>[0]) {
      const found = await embedded.inbox.read(query);
      if (!isDone) {
        isDone = true;
        await write();
      }
      return found;
    },
  };
  return { ...ports, inbox };
}

describe('the entry of a git event', () => {
  it.each([
    ['triggers first', [() => recordVerdicts(ports, PUSH, first), () => recordChanges(ports, PUSH, ['syncs items'])]],
    [
      'repositories first',
      [() => recordChanges(ports, PUSH, ['syncs items']), () => recordVerdicts(ports, PUSH, first)],
    ],
  ])('has what both made of it, %s', async (_, [one, other]) => {
    await one?.();
    await other?.();
    expect(await entry()).toMatchObject(BOTH);
  });

  it('loses neither where one writes between reading and writing of the other', async () => {
    const both = meanwhile(() => recordVerdicts(ports, PUSH, first));
    await recordChanges(both, PUSH, ['syncs items']);
    expect(await entry()).toMatchObject(BOTH);
  });

  it('loses neither the other way round', async () => {
    const both = meanwhile(() => recordChanges(ports, PUSH, ['syncs items']));
    await recordVerdicts(both, PUSH, first);
    expect(await entry()).toMatchObject(BOTH);
  });

  it('gets its verdicts from a repetition where the delivery before was cut off', async () => {
    await recordChanges(ports, PUSH, ['syncs items']);
    await recordVerdicts(ports, PUSH, repeat);
    expect(await entry()).toMatchObject(BOTH);
    expect(await entry()).not.toHaveProperty('repeats');
  });

  it('counts every repetition, also of many at once', async () => {
    await recordVerdicts(ports, PUSH, first);
    await Promise.all([1, 2, 3].map(() => recordVerdicts(ports, PUSH, repeat)));
    expect(await entry()).toMatchObject({ verdicts: VERDICTS, repeats: { times: 3, lastAt: clock.now() } });
  });
});
