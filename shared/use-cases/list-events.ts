/** Lists what arrived, newest first, by what people look for: a pipeline, a source, or what came of it. */
import type { Inbox, InboxEntry } from '../ports/inbox.ts';

/** What an event can be looked for by. `refused`: it never became an event; `none`: no trigger looked at it. */
export const VERDICTS = ['started', 'queued', 'skipped', 'filtered', 'failed', 'duplicate', 'refused', 'none'] as const;
export type VerdictName = (typeof VERDICTS)[number];

export type EventFilter = {
  readonly pipeline?: string | undefined;
  readonly source?: string | undefined;
  readonly verdict?: VerdictName | undefined;
};

const PAGE = 200;
/** Entries that one list looks through: what is looked for may be rare. */
const MAXIMUM_SCANNED = 5_000;

export type ListedEvents = {
  readonly entries: readonly InboxEntry[];
  /** Epoch ms: the list did not look further back than this, though there may be more. Absent where it saw all. */
  readonly seenBackTo?: number;
};

export async function listEvents(
  inbox: Pick<Inbox, 'list'>,
  { limit, before, ...filter }: EventFilter & { readonly limit: number; readonly before?: number | undefined },
): Promise<ListedEvents> {
  const isFiltered = Object.values(filter).some((value) => value !== undefined);
  const size = isFiltered ? PAGE : limit;
  const entries: InboxEntry[] = [];
  let from = before;
  for (let scanned = 0; scanned < MAXIMUM_SCANNED; scanned += size) {
    const page = await inbox.list({ limit: size, ...(from === undefined ? {} : { before: from }) });
    for (const entry of page) {
      if (!passes(entry, filter)) continue;
      entries.push(entry);
      if (entries.length === limit) return { entries, seenBackTo: entry.receivedAt };
    }
    const last = page.at(-1);
    if (last === undefined || page.length < size) return { entries };
    from = last.receivedAt;
  }
  return from === undefined ? { entries } : { entries, seenBackTo: from };
}

function passes(entry: InboxEntry, { pipeline, source, verdict }: EventFilter): boolean {
  if (source !== undefined && entry.source !== source) return false;
  if (verdict === 'refused') return pipeline === undefined && entry.refused !== undefined;
  if (verdict === 'none') return pipeline === undefined && entry.refused === undefined && entry.verdicts.length === 0;
  if (pipeline === undefined && verdict === undefined) return true;
  return entry.verdicts.some(
    (one) => (pipeline === undefined || one.pipeline === pipeline) && (verdict === undefined || one.is === verdict),
  );
}
