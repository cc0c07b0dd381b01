import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { deflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GitServer, hasGitServer, startGitServer } from '../../test/support/git-server.ts';
import { GitError } from './git-error.ts';
import { checkPack } from './pack-limits.ts';
import { gitReader } from './reader.ts';

const MAIN = 'refs/heads/main';
const reader = gitReader({ allow: ['127.0.0.1'] });
const signal = () => AbortSignal.timeout(30_000);

describe.runIf(hasGitServer())('reading a real repository over smart HTTP', () => {
  let server: GitServer;
  let first: string;
  beforeAll(async () => {
    server = await startGitServer();
    first = await server.push({
      files: {
        'deploy/gennaker.yaml': 'pipeline: items-api\n',
        'deploy/k8s/a.yaml': 'kind: A\n',
        'other/readme.md': 'not asked for\n',
        'deploy/logo.bin': 'a\0b',
      },
    });
  });
  afterAll(() => server?.stop());

  it('tells where a branch stands', async () => {
    expect(await reader.head({ url: server.url, ref: MAIN, signal: signal() })).toBe(first);
    expect(await reader.head({ url: server.url, ref: 'refs/heads/nothing', signal: signal() })).toBeUndefined();
  });

  it('reads the files of a folder at the newest commit, and nothing else', async () => {
    const checkout = await reader.read({ url: server.url, ref: MAIN, folders: ['deploy'], signal: signal() });
    expect(checkout).toEqual({
      commit: first,
      files: {
        'deploy/gennaker.yaml': 'pipeline: items-api\n',
        'deploy/k8s/a.yaml': 'kind: A\n',
        'deploy/logo.bin': 'a\0b',
      },
    });
  });

  it('reads the whole repository, several folders, and none that is not there', async () => {
    const read = async (folders: string[]) =>
      Object.keys((await reader.read({ url: server.url, ref: MAIN, folders, signal: signal() })).files).sort();
    expect(await read([''])).toEqual([
      'deploy/gennaker.yaml',
      'deploy/k8s/a.yaml',
      'deploy/logo.bin',
      'other/readme.md',
    ]);
    expect(await read(['other', 'deploy/k8s'])).toEqual(['deploy/k8s/a.yaml', 'other/readme.md']);
    expect(await read(['no/such/folder'])).toEqual([]);
  });

  it('reads refs that are no branches, as those of pull requests', async () => {
    const commit = await server.push({
      files: { 'deploy/x.yaml': 'x: 1\n' },
      branch: 'topic',
      ref: 'refs/pull/7/head',
    });
    const checkout = await reader.read({
      url: server.url,
      ref: 'refs/pull/7/head',
      folders: ['deploy'],
      signal: signal(),
    });
    expect(checkout.commit).toBe(commit);
    expect(checkout.files['deploy/x.yaml']).toBe('x: 1\n');
    expect(await reader.head({ url: server.url, ref: 'refs/pull/7/head', signal: signal() })).toBe(commit);
  });

  it('says that a branch or a repository is not there', async () => {
    await expect(
      reader.read({ url: server.url, ref: 'refs/heads/no', folders: [''], signal: signal() }),
    ).rejects.toThrow(`reading ${server.url}: it has no branch no`);
    const url = server.url.replace('items', 'others');
    await expect(reader.head({ url, ref: MAIN, signal: signal() })).rejects.toThrow(
      /answered 404: there is no such repository/,
    );
  });

  it('goes nowhere that the admins do not allow', async () => {
    const guarded = gitReader({ allow: ['*'] });
    await expect(guarded.head({ url: server.url, ref: MAIN, signal: signal() })).rejects.toThrow(
      'requesting 127.0.0.1: it lies in a private network',
    );
  });
});

describe.runIf(hasGitServer())('a repository that asks for credentials', () => {
  const credentials = { username: 'robot', password: 'a secret/with:signs' };
  let server: GitServer;
  beforeAll(async () => {
    server = await startGitServer({ credentials });
    await server.push({ files: { 'a.yaml': 'a: 1\n' } });
  });
  afterAll(() => server?.stop());

  it('is opened by those that are registered', async () => {
    const checkout = await reader.read({ url: server.url, ref: MAIN, folders: [''], credentials, signal: signal() });
    expect(checkout.files).toEqual({ 'a.yaml': 'a: 1\n' });
  });

  it.each([{ given: undefined }, { given: { username: 'robot', password: 'wrong' } }])(
    'is not opened by $given',
    async ({ given }) => {
      const answer = reader.read({ url: server.url, ref: MAIN, folders: [''], credentials: given, signal: signal() });
      await expect(answer).rejects.toMatchObject({ retryable: false });
      await expect(answer).rejects.toThrow(/it asks for credentials, and those that are registered do not open it/);
    },
  );
});

describe('servers that are no Git servers', () => {
  const answering = async (
    answer: (response: import('node:http').ServerResponse) => void,
    ask: (url: string) => Promise<unknown>,
  ): Promise<void> => {
    const server = createServer((_, response) => answer(response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      await ask(`http://127.0.0.1:${(server.address() as AddressInfo).port}/items.git`);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  };

  it('are told from trouble that passes', async () => {
    await answering(
      (response) => response.writeHead(503).end(),
      async (url) => {
        const answer = reader.head({ url, ref: MAIN, signal: signal() });
        await expect(answer).rejects.toMatchObject({ retryable: true });
        await expect(answer).rejects.toThrow('answered 503');
      },
    );
  });

  it('are not followed elsewhere, so that credentials stay where they belong', async () => {
    await answering(
      (response) => response.writeHead(301, { location: 'https://example.com/other.git/info/refs?service=x' }).end(),
      async (url) => {
        await expect(reader.head({ url, ref: MAIN, signal: signal() })).rejects.toThrow(
          'it was moved to https://example.com/other.git; register that URL',
        );
      },
    );
  });

  it('cannot hold the reading up for longer than its time', async () => {
    await answering(
      () => undefined,
      async (url) => {
        const answer = reader.head({ url, ref: MAIN, signal: AbortSignal.timeout(50) });
        await expect(answer).rejects.toThrow(/no answer in time/);
      },
    );
  });
});

describe('a pack', () => {
  const limits = { maximumObjects: 10, maximumUnpackedBytes: 1_000 };
  const packOf = (...objects: Buffer[]): Buffer => {
    const head = Buffer.from([0x50, 0x41, 0x43, 0x4b, 0, 0, 0, 2, 0, 0, 0, objects.length]);
    return Buffer.concat([head, ...objects, Buffer.alloc(20)]);
  };
  const object = (type: number, size: number, content: Buffer, between: Buffer = Buffer.alloc(0)): Buffer => {
    const header = [(type << 4) | (size & 15)];
    for (let rest = size >> 4; rest > 0; rest >>= 7) {
      header[header.length - 1] = (header.at(-1) ?? 0) | 128;
      header.push(rest & 127);
    }
    return Buffer.concat([Buffer.from(header), between, deflateSync(content)]);
  };

  it('that is within the limits passes', () => {
    checkPack(packOf(object(3, 300, Buffer.alloc(300)), object(3, 5, Buffer.from('hello'))), limits);
  });

  it.each([
    ['that is none', Buffer.from('no pack, whatever it may be, of any use'), /does not begin as a pack/],
    [
      'of too many objects',
      Buffer.concat([Buffer.from([0x50, 0x41, 0x43, 0x4b, 0, 0, 0, 2, 0, 1, 0, 0]), Buffer.alloc(20)]),
      /65536 files and folders; at most 10/,
    ],
    ['that says it is large', packOf(object(3, 5_000, Buffer.alloc(5_000))), /come to more than 1000 bytes/],
    [
      'that is larger than it says',
      packOf(object(3, 10, Buffer.alloc(100_000))),
      /cannot be unpacked to the size that it says/,
    ],
    [
      'whose parts together are large',
      packOf(object(3, 600, Buffer.alloc(600)), object(3, 600, Buffer.alloc(600))),
      /more than 1000/,
    ],
    // A change that says that it makes 2 MiB of one byte.
    [
      'with a change that makes much of little',
      packOf(object(3, 1, Buffer.from('a')), object(6, 4, Buffer.from([1, 0x80, 0x80, 0x7f]), Buffer.from([10]))),
      /more than 1000/,
    ],
    [
      'with a change of nothing',
      packOf(object(6, 1, Buffer.from([0]), Buffer.from([5]))),
      /a change of one that is not there/,
    ],
    [
      'that is cut off',
      packOf(object(3, 300, Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 7919) % 251)))).subarray(0, 60),
      /cannot be unpacked|ends in the middle/,
    ],
  ])('%s is refused', (_, pack, message) => {
    expect(() => checkPack(pack, limits)).toThrow(GitError);
    expect(() => checkPack(pack, limits)).toThrow(message);
  });
});
