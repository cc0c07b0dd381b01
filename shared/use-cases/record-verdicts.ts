/** Writes what came of an event into the inbox. Two subscribers tell of a git event: each adds to what the other wrote. */
import type { Json } from '../core/json.ts';
import type { Clock } from '../ports/clock.ts';
import type { Inbox, InboxEntry, Verdict } from '../ports/inbox.ts';
import type { Random } from '../ports/random.ts';
import type { CommitPushed, PullRequestChanged, SourceEvent } from '../triggers/source.ts';
import { untilCommitted } from './engine.ts';
import { tellVerdicts } from './tell-verdicts.ts';

export type RecordPorts = {
  readonly inbox: Pick<Inbox, 'record' | 'read' | 'replace'>;
  readonly clock: Clock;
  readonly random: Random;
};

/**
 * What triggers made of the event. `isRepeat` says that every execution of it existed already: earlier verdicts, which
 * are about the first time, stay then, and the repetition is counted. Without earlier ones the delivery before was cut
 * off between the two, and these are the first.
 */
export async function recordVerdicts(
  ports: RecordPorts,
  event: SourceEvent,
  { verdicts: all, isRepeat }: { readonly verdicts: readonly Verdict[]; readonly isRepeat: boolean },
): Promise<void> {
  const isOfGit = event.type === 'commit-pushed' || event.type === 'pull-request-changed';
  // What is pushed to a repository has an entry anyway, by whoever syncs repositories; it tells more than nothing here.
  if (isOfGit && all.length === 0) return;
  const told = tellVerdicts(all);
  if (!isOfGit && !isRepeat) {
    // Nobody else writes it, so that no condition and no reading is needed.
    await ports.inbox.record({ entry: { ...entryOf(event), ...told } });
    return;
  }
  const lastAt = ports.clock.now();
  await merge(ports, event, (before) => {
    if (!isRepeat || before.verdicts.length === 0) return { ...before, ...told };
    return { ...before, repeats: { times: (before.repeats?.times ?? 0) + 1, lastAt } };
  });
}

/** What the event means for repositories, one line each. */
export async function recordChanges(
  ports: RecordPorts,
  event: CommitPushed | PullRequestChanged,
  changes: readonly string[],
): Promise<void> {
  await merge(ports, event, ({ changes: _, ...before }) => (changes.length === 0 ? before : { ...before, changes }));
}

/** Changes the entry that is there, or a fresh one, and no other: it is written only in place of the one that was read. */
async function merge(
  ports: RecordPorts,
  event: SourceEvent,
  change: (before: InboxEntry) => InboxEntry,
): Promise<void> {
  const { id } = event;
  await untilCommitted(ports, `recording the event ${id}`, async () => {
    const before = await ports.inbox.read({ id });
    const entry = change(before?.value ?? entryOf(event));
    return ports.inbox.replace({ entry, expected: before?.version ?? 'absent' });
  });
}

function entryOf(event: SourceEvent): InboxEntry {
  const { id, at, source, text, replay } = event;
  return {
    format: 1,
    id,
    receivedAt: at,
    source,
    text,
    event: JSON.parse(JSON.stringify(event)) as Json,
    ...(replay === undefined ? {} : { replay }),
    verdicts: [],
  };
}
