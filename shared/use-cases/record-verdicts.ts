/** Writes what came of an event into the inbox, and how often the same one came again. */
import type { Inbox, Verdict } from '../ports/inbox.ts';
import type { SourceEvent } from '../triggers/source.ts';

/**
 * `isRepeat` says that every execution of the event existed already. Then an earlier entry keeps its verdicts, which
 * are about the first time; without one, the delivery before was cut off between the two, and these are the first.
 */
export async function recordVerdicts(
  ports: { readonly inbox: Pick<Inbox, 'get' | 'record'> },
  event: SourceEvent,
  {
    verdicts,
    isRepeat,
    at,
  }: { readonly verdicts: readonly Verdict[]; readonly isRepeat: boolean; readonly at: number },
): Promise<void> {
  const isOfGit = event.type === 'commit-pushed' || event.type === 'pull-request-changed';
  // What is pushed to a repository has an entry anyway, by whoever syncs repositories; it tells more than nothing here.
  if (isOfGit && verdicts.length === 0) return;
  const { changes } = (isOfGit ? await ports.inbox.get({ id: event.id }) : undefined) ?? {};
  const earlier = isRepeat ? await ports.inbox.get({ id: event.id }) : undefined;
  if (earlier !== undefined) {
    const repeats = { times: (earlier.repeats?.times ?? 0) + 1, lastAt: at };
    await ports.inbox.record({ entry: { ...earlier, repeats } });
    return;
  }
  await ports.inbox.record({
    entry: {
      format: 1,
      id: event.id,
      receivedAt: event.at,
      source: event.source,
      text: event.text,
      event: JSON.parse(JSON.stringify(event)),
      ...(event.replay === undefined ? {} : { replay: event.replay }),
      ...(changes === undefined ? {} : { changes }),
      verdicts,
    },
  });
}
