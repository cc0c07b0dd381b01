/** Who is behind a source event, as far as its sender tells: whoever that is may not approve what it started. */
import type { TriggerSummary } from '../core/run.ts';
import type { SourceEvent } from '../triggers/source.ts';

/** `by`: who pushed, merged or asked; `authors`: who wrote the commits; `chain`: the pipelines that led here. */
export function whoCaused(event: SourceEvent): Pick<TriggerSummary, 'by' | 'authors' | 'chain'> {
  switch (event.type) {
    case 'manual':
      return { by: event.manual.by, ...chainOf(event.manual.chain) };
    case 'pipeline-finished':
      return chainOf(event.finished.chain);
    case 'commit-pushed':
      return { ...byOf(event.commit.by), ...authorsOf(event.commit.authors) };
    case 'pull-request-changed': {
      const { by, author } = event.pullRequest;
      return { ...byOf(by), ...authorsOf(author === undefined ? undefined : [author]) };
    }
    default:
      return {};
  }
}

function byOf(by: string | undefined): Pick<TriggerSummary, 'by'> {
  return by === undefined ? {} : { by };
}

function authorsOf(authors: readonly string[] | undefined): Pick<TriggerSummary, 'authors'> {
  return authors === undefined ? {} : { authors };
}

function chainOf(chain: readonly string[] | undefined): Pick<TriggerSummary, 'chain'> {
  return chain === undefined ? {} : { chain };
}
