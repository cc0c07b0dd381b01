import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordingLog } from '../../test/support/execution-fixtures.ts';
import { type Embedded, IN_MEMORY, openEmbedded } from '../adapters/embedded/index.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { systemRandom } from '../adapters/system-random.ts';
import { GitError } from '../git/git-error.ts';
import type { Repository } from '../ports/repositories.ts';
import { stageKinds } from '../stages/registry.ts';
import { StaleApply } from './apply-files.ts';
import { documentParsers } from './documents.ts';
import { planReader } from './plans.ts';
import { type SyncPorts, syncRecordId, syncRepository } from './sync-repository.ts';
import { libraryOf } from './templates/library.ts';

const TIMING = { stepMs: 10_000, leaseMs: 20_000, acknowledgementMs: 30_000 };
const START = 1_700_000_000_000;
const commitOf = (letter: string): string => letter.repeat(40);
const pipeline = (name: string, wait: string): string =>
  `pipeline: ${name}\nstages:\n  soak:\n    uses: wait\n    with: { for: ${wait} }\n`;

/** A branch whose commits the test sets; the hooks run where a worker could be interrupted. */
type Branch = { commit: string; files: { [path: string]: string }; beforeRead: () => Promise<void> };

let now: number;
let branch: Branch;
let embedded: Embedded;
let ports: SyncPorts;

beforeEach(async () => {
  now = START;
  branch = {
    commit: commitOf('a'),
    files: { 'a.yaml': pipeline('items-api', '1s') },
    beforeRead: async () => undefined,
  };
  // Pauses between conflicting writes are real; leases run on the test's own time.
  const clock = { now: () => now, after: systemClock.after };
  const log = recordingLog();
  embedded = openEmbedded({ path: IN_MEMORY, clock, parse: documentParsers, log });
  ports = {
    ...embedded,
    clock,
    random: systemRandom,
    log,
    plans: planReader(embedded.blobs),
    kinds: stageKinds(),
    targets: [{ name: 'jp', labels: {} }],
    openLibrary: libraryOf(embedded),
    renderer: { render: () => Promise.reject(new Error('nothing is rendered here')) },
    open: async () => undefined,
    timing: TIMING,
    git: {
      head: async () => branch.commit,
      async read() {
        const { commit, files } = branch;
        await branch.beforeRead();
        return { commit, files };
      },
    },
  };
  const team = { format: 1 as const, name: 'items', pipelines: ['items-*'], targets: ['jp'], namespaces: ['items'] };
  await embedded.teams.write({ key: 'items', value: team, expected: 'absent' });
  const repository: Repository = {
    format: 1,
    id: 'items',
    url: 'https://git.example.com/items.git',
    branch: 'main',
    folders: [''],
    team: 'items',
    host: 'git',
    pushSecret: 'git-items-push',
    registeredAt: START,
  };
  await embedded.repositories.write({ key: 'items', value: repository, expected: 'absent' });
});
afterEach(() => embedded.close());

const sync = (event: string) => syncRepository(ports, { id: 'items', event });
const repository = async () => (await embedded.repositories.read({ key: 'items' }))?.value;
const waits = async () => {
  const applied = await embedded.pipelines.get({ name: 'items-api' });
  return JSON.stringify(applied?.definition).match(/"for":"(\w+)"/)?.[1];
};
const move = (letter: string, wait: string): void => {
  branch.commit = commitOf(letter);
  branch.files = { 'a.yaml': pipeline('items-api', wait) };
};
const recordOf = (event: string) => embedded.inbox.get({ id: syncRecordId({ id: 'items', event }) });

describe('syncing a repository', () => {
  it('tells the same of an event that is delivered again', async () => {
    expect(await sync('one')).toMatchObject({ is: 'synced', commit: commitOf('a'), lines: ['items-api created'] });
    now += 5_000;
    expect(await sync('one')).toMatchObject({ is: 'synced', lines: ['items-api created'] });
    expect(await recordOf('one')).toMatchObject({ receivedAt: START, changes: ['items-api created'] });
    expect(await sync('two')).toMatchObject({ is: 'unchanged', lines: [] });
    expect((await embedded.pipelines.get({ name: 'items-api' }))?.generation).toBe(1);
  });

  it('looks once more where a push came while it was at work', async () => {
    let isFirst = true;
    branch.beforeRead = async () => {
      if (!isFirst) return;
      isFirst = false;
      move('b', '2s');
      expect(await sync('two')).toEqual({ is: 'busy' });
    };
    expect(await sync('one')).toMatchObject({ is: 'synced', commit: commitOf('b') });
    expect(await waits()).toBe('2s');
    expect(await recordOf('two')).toMatchObject({ text: expect.stringContaining('is being synced already') });
    expect(await repository()).not.toHaveProperty('claim');
  });

  it('lets a worker that was frozen beyond its lease write nothing', async () => {
    let isFirst = true;
    branch.beforeRead = async () => {
      if (!isFirst) return;
      isFirst = false;
      move('b', '2s');
      now += TIMING.leaseMs + 1;
      expect(await sync('two')).toMatchObject({ is: 'synced', commit: commitOf('b') });
    };
    await expect(sync('one')).rejects.toBeInstanceOf(StaleApply);
    expect(await waits()).toBe('2s');
    expect(await repository()).toMatchObject({ live: { commit: commitOf('b') } });
    expect(await sync('one')).toMatchObject({ is: 'unchanged' });
  });

  it('does the whole of it again where the worker before did not finish', async () => {
    await sync('one');
    const found = await embedded.repositories.read({ key: 'items' });
    if (found === undefined) throw new Error('the repository is gone');
    const claim = { by: 'somebody-who-was-killed', until: now + 10 };
    await embedded.repositories.write({ key: 'items', value: { ...found.value, claim }, expected: found.version });
    let reads = 0;
    branch.beforeRead = async () => {
      reads += 1;
    };
    now += 11;
    expect(await sync('two')).toMatchObject({ is: 'unchanged' });
    expect(reads).toBe(1);
  });

  it('gives the claim back where the host does not answer, and records what no retry mends', async () => {
    branch.beforeRead = () => Promise.reject(new GitError('reading it: no answer', { retryable: true }));
    await expect(sync('one')).rejects.toThrow('no answer');
    expect(await repository()).not.toHaveProperty('claim');
    expect(await recordOf('one')).toBeUndefined();

    branch.beforeRead = () => Promise.reject(new GitError('reading it: it asks for credentials'));
    expect(await sync('one')).toMatchObject({ is: 'refused', lines: ['reading it: it asks for credentials'] });
    expect(await recordOf('one')).toMatchObject({
      refused: 'reading it: it asks for credentials\nNothing was changed.',
    });
  });

  it('does not let a misspelt first line make a pipeline vanish', async () => {
    await sync('one');
    branch.commit = commitOf('b');
    branch.files = { 'a.yaml': pipeline('items-api', '1s').replace('pipeline:', 'pipelin:') };
    expect(await sync('two')).toMatchObject({ is: 'refused', lines: [expect.stringMatching(/^a.yaml:1:1 .*pipelin/)] });
    expect(await waits()).toBe('1s');
  });

  it('refuses one name in two files, and a pipeline of another repository', async () => {
    branch.files = { 'a.yaml': pipeline('items-api', '1s'), 'b.yaml': pipeline('items-api', '2s') };
    expect(await sync('one')).toMatchObject({
      is: 'refused',
      lines: ['b.yaml:1:11  pipeline  "items-api" is declared in a.yaml too'],
    });
    move('b', '1s');
    await sync('two');
    const other = await repository();
    if (other === undefined) throw new Error('the repository is gone');
    const { live: _, outcome: __, ...fresh } = other;
    await embedded.repositories.write({ key: 'others', value: { ...fresh, id: 'others' }, expected: 'absent' });
    expect(await syncRepository(ports, { id: 'others', event: 'three' })).toMatchObject({
      is: 'refused',
      lines: ['a.yaml:1:11  pipeline  "items-api" belongs to the repository items'],
    });
  });
});
