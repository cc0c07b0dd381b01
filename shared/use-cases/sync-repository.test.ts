import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordingLog } from '../../test/support/execution-fixtures.ts';
import { type Embedded, IN_MEMORY, openEmbedded } from '../adapters/embedded/index.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { systemRandom } from '../adapters/system-random.ts';
import { GitError } from '../git/git-error.ts';
import type { Repository } from '../ports/repositories.ts';
import { stageKinds } from '../stages/registry.ts';
import { applyByHand } from './apply-by-hand.ts';
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

  it('keeps what came of an event where the same one meets another worker later', async () => {
    await sync('one');
    const found = await embedded.repositories.read({ key: 'items' });
    if (found === undefined) throw new Error('the repository is gone');
    const claim = { by: 'another', until: now + TIMING.leaseMs };
    await embedded.repositories.write({ key: 'items', value: { ...found.value, claim }, expected: found.version });
    expect(await sync('one')).toEqual({ is: 'busy' });
    expect(await recordOf('one')).toMatchObject({ changes: ['items-api created'] });
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

/** Registers another repository for the same team, whose branch is the same. */
async function registerOther(): Promise<void> {
  const other = await repository();
  if (other === undefined) throw new Error('the repository is gone');
  const { live: _, outcome: __, ...fresh } = other;
  await embedded.repositories.write({ key: 'others', value: { ...fresh, id: 'others' }, expected: 'absent' });
}
const template = (name: string, uses = 'wait', given = 'for: 1s'): string =>
  [
    `template: ${name}`,
    'version: 1.0.0',
    'owner: items',
    'description: Waits.',
    'stages:',
    `  soak: { uses: ${uses}, with: { ${given} } }`,
    '',
  ].join('\n');
const published = async (name: string) => (await embedded.templates.read({ key: name }))?.value.versions.length ?? 0;
const deployment = (namespace: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings, namespace: ${namespace} }\n`;
const delivering = (targets: string): string =>
  [
    'pipeline: items-api',
    'manifests: { files: [k8s/*.yaml] }',
    'stages:',
    `  release: { uses: deploy, ${targets} }`,
    '',
  ].join('\n');

describe('a commit of which not all can become live', () => {
  it('publishes no template where a pipeline beside it belongs to another repository', async () => {
    await sync('one');
    await registerOther();
    branch.files = { ...branch.files, 'z.yaml': template('items-soak') };
    expect(await syncRepository(ports, { id: 'others', event: 'two' })).toMatchObject({
      is: 'refused',
      lines: ['a.yaml:1:11  pipeline  "items-api" belongs to the repository items'],
    });
    expect(await published('items-soak')).toBe(0);
  });

  it('says what was published where a pipeline is taken by another meanwhile', async () => {
    branch.files = { 'a.yaml': pipeline('items-api', '1s'), 'z.yaml': template('items-soak') };
    await registerOther();
    const { templates } = ports;
    const late: SyncPorts = {
      ...ports,
      templates: {
        ...templates,
        async write(command) {
          await syncRepository(ports, { id: 'others', event: 'between' });
          return templates.write(command);
        },
        read: (query) => templates.read(query),
        list: (query) => templates.list(query),
        delete: (command) => templates.delete(command),
      },
    };
    branch.beforeRead = async () => {
      branch.files = { 'a.yaml': pipeline('items-api', '1s') };
      branch.beforeRead = async () => undefined;
    };
    const outcome = await syncRepository(late, { id: 'items', event: 'one' });
    expect(outcome).toMatchObject({
      is: 'refused',
      lines: ['template items-soak 1.0.0 published', expect.stringContaining('belongs to the repository others')],
    });
    expect(await recordOf('one')).toMatchObject({
      refused: expect.stringMatching(/^template items-soak 1.0.0 published\n(.|\n)*\nNothing else was changed\.$/),
    });
  });

  it('is refused for what its team may not have, although only a plan shows it', async () => {
    ports = { ...ports, targets: [...ports.targets, { name: 'us', labels: { region: 'us' } }] };
    const refused = { is: 'refused', lines: [expect.stringMatching(/^a.yaml:1:11 {2}pipeline {2}claims what/)] };
    branch.files = { 'a.yaml': delivering('targets: { labels: { region: us } }'), 'k8s/a.yaml': deployment('items') };
    expect(await sync('one')).toMatchObject(refused);
    branch.files = { 'a.yaml': delivering('target: jp'), 'k8s/a.yaml': deployment('kube-system') };
    expect(await sync('two')).toMatchObject(refused);
    branch.files = { 'a.yaml': delivering('target: jp'), 'k8s/a.yaml': deployment('items') };
    expect(await sync('three')).toMatchObject({ is: 'synced' });
  });
});

describe('templates of one commit', () => {
  it('are published in the order in which they use each other', async () => {
    branch.files = {
      'a.yaml': template('items-first', 'items-last@1', ''),
      'm.yaml': pipeline('items-api', '1s').replace('uses: wait', 'uses: items-first@1').replace('for: 1s', ''),
      'z.yaml': template('items-last').replace('template:', '"template":'),
    };
    expect(await sync('one')).toMatchObject({ is: 'synced' });
    expect([await published('items-first'), await published('items-last')]).toEqual([1, 1]);
  });

  it('may not use each other in a circle', async () => {
    branch.files = {
      'a.yaml': template('items-first', 'items-last@1', ''),
      'z.yaml': template('items-last', 'items-first@1', ''),
    };
    expect(await sync('one')).toMatchObject({
      is: 'refused',
      lines: expect.arrayContaining([
        expect.stringMatching(/^z.yaml:6:17 .* closes a circle: items-first uses items-last uses items-first$/),
      ]),
    });
    expect(await published('items-last')).toBe(0);
  });
});

it('a look at the same commit ends what was applied by hand', async () => {
  await sync('one');
  const override = { reason: 'the Git host is down' };
  const upload = { file: 'a.yaml', text: pipeline('items-api', '9s'), files: {}, by: 'Aki', override };
  expect(await applyByHand(ports, upload)).toMatchObject({ is: 'applied' });
  expect(await waits()).toBe('9s');
  expect(await sync('two')).toMatchObject({
    is: 'synced',
    lines: ['items-api changed', expect.stringContaining('applied by hand (the Git host is down) ends')],
  });
  expect(await waits()).toBe('1s');
  expect(await sync('three')).toMatchObject({ is: 'unchanged', lines: [] });
});
