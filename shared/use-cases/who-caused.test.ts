import { describe, expect, it } from 'vitest';
import { finishedEvent } from '../triggers/pipeline/source.ts';
import { type SourceEvent, sourceEvent } from '../triggers/source.ts';
import { namesBehind, whoCaused } from './who-caused.ts';

const common = { id: 'evt-12345678', at: 1, text: 'something happened' };
const commit = (more: object): SourceEvent =>
  sourceEvent.parse({
    ...common,
    type: 'commit-pushed',
    source: 'github',
    commit: { repository: 'github.com/acme/items', ref: 'refs/heads/main', by: 'ben', ...more },
  });
const build = (people: readonly string[]): SourceEvent =>
  sourceEvent.parse({
    ...common,
    type: 'build-finished',
    source: 'github',
    build: { by: 'github-actions', of: 'github.com/acme/items', number: '1', status: 'success', people },
  });

describe('who is behind an execution', () => {
  it('of a push: who pushed and who wrote, also where the sender does not tell of all', () => {
    expect(whoCaused(commit({ authors: ['aki@acme.example'] }))).toEqual({ by: 'ben', authors: ['aki@acme.example'] });
    expect(whoCaused(commit({ people: ['aki@acme.example'] }))).toEqual({ by: 'ben', authors: ['aki@acme.example'] });
    expect(whoCaused(commit({}))).toEqual({ by: 'ben' });
  });

  it('of a build: who started it and wrote what it built', () => {
    expect(whoCaused(build(['aki', 'ben']))).toEqual({ authors: ['aki', 'ben'] });
    expect(whoCaused(build([]))).toEqual({});
  });

  it('of the end of another: all who were behind that one', () => {
    const people = namesBehind({ by: 'ben', authors: ['aki', 'ben', 'cho'] });
    expect(people).toEqual(['ben', 'aki', 'cho']);
    const given = { pipeline: 'items-api', execution: 'e1', end: 'succeeded', images: {}, outputs: [], at: 1 } as const;
    const event = sourceEvent.parse(finishedEvent({ ...given, chain: [], people }));
    expect(whoCaused(event)).toEqual({ authors: people, chain: ['items-api'] });
  });

  it('of a replay: whoever asked for it, and those behind what is replayed', () => {
    const event = { ...commit({ authors: ['aki'] }), replay: { of: 'evt-1', by: 'eve' } };
    expect(whoCaused(event)).toEqual({ by: 'eve', authors: ['ben', 'aki'] });
  });
});
