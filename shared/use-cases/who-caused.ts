/** Who is behind an execution, as far as that is told: whoever that is may not approve what it started. */
import type { TriggerSummary } from '../core/run.ts';
import { MAXIMUM_PEOPLE } from '../triggers/event-fields.ts';
import type { SourceEvent } from '../triggers/source.ts';

type Cause = Pick<TriggerSummary, 'by' | 'authors' | 'chain'>;

/**
 * `by`: who pushed, merged, asked, or had the event replayed; `authors`: who wrote the commits, and who is behind the
 * executions that led here; `chain`: the pipelines that led here.
 */
export function whoCaused(event: SourceEvent): Cause {
  const cause = toldBy(event);
  if (event.replay === undefined) return cause;
  const { chain } = cause;
  return { by: event.replay.by, ...authorsOf(namesBehind(cause)), ...(chain === undefined ? {} : { chain }) };
}

/** All names of those behind the execution, each once. */
export function namesBehind({ by, authors = [] }: Pick<TriggerSummary, 'by' | 'authors'>): readonly string[] {
  return [...new Set([...(by === undefined ? [] : [by]), ...authors])].slice(0, MAXIMUM_PEOPLE);
}

function toldBy(event: SourceEvent): Cause {
  switch (event.type) {
    case 'manual': {
      const { by, people, chain } = event.manual;
      return { by, ...authorsOf(people), ...chainOf(chain) };
    }
    case 'pipeline-finished':
      return { ...authorsOf(event.finished.people), ...chainOf(event.finished.chain) };
    case 'commit-pushed':
      return { ...byOf(event.commit.by), ...authorsOf(event.commit.authors ?? event.commit.people) };
    case 'pull-request-changed': {
      const { by, author } = event.pullRequest;
      return { ...byOf(by), ...authorsOf(author === undefined ? undefined : [author]) };
    }
    case 'release-published':
      return byOf(event.release.by);
    case 'build-finished':
      return authorsOf(event.build.people);
    case 'image-pushed':
    case 'message-arrived':
    case 'object-stored':
    case 'webhook-called':
    case 'schedule-due':
      return {};
  }
}

function byOf(by: string | undefined): Pick<TriggerSummary, 'by'> {
  return by === undefined ? {} : { by };
}

function authorsOf(authors: readonly string[] | undefined): Pick<TriggerSummary, 'authors'> {
  return authors === undefined || authors.length === 0 ? {} : { authors };
}

function chainOf(chain: readonly string[] | undefined): Pick<TriggerSummary, 'chain'> {
  return chain === undefined ? {} : { chain };
}
