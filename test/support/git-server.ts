/** A real bare repository with a real post-receive hook, served over smart HTTP by git's own `http-backend`. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { plainEnvironment, runProcess } from './processes.ts';
import { requirePart } from './require.ts';

const MAXIMUM_HEAD_BYTES = 64 * 1024;

export type GitServer = {
  /** `http://127.0.0.1:<port>/<name>.git` */
  readonly url: string;
  /** Every request as it came in, oldest first: `GET /items.git/info/refs?service=git-upload-pack`. */
  readonly requests: readonly string[];
  /**
   * Commits the files to the branch (text, or null to remove one) and pushes with the real git. Returns the commit.
   * What the post-receive hook printed is in `hookOutput`.
   */
  push(change: {
    readonly files: { readonly [path: string]: string | null };
    readonly branch?: string;
    /** Another ref to push the commit to, such as `refs/pull/1/head`; by default that of the branch. */
    readonly ref?: string;
    readonly force?: boolean;
  }): Promise<string>;
  hookOutput(): string;
  /** The script that git runs after a push, with `#!/bin/sh` and the rest. */
  setHook(script: string): Promise<void>;
  stop(): Promise<void>;
};

/** Whether git and its http-backend are there; where not, the reason is reported. */
export function hasGitServer(): boolean {
  return requirePart('git http-backend', backendPath() !== undefined, 'git not installed; `apt-get install git`');
}

function backendPath(): string | undefined {
  const found = spawnSync('git', ['--exec-path'], { encoding: 'utf8' });
  const path = found.status === 0 ? join(found.stdout.trim(), 'git-http-backend') : '';
  return existsSync(path) ? path : undefined;
}

/** `credentials` are asked for by Basic authentication where they are given. Listens on a free port of 127.0.0.1. */
export async function startGitServer(
  options: {
    readonly name?: string;
    readonly credentials?: { readonly username: string; readonly password: string };
  } = {},
): Promise<GitServer> {
  const backend = backendPath();
  if (backend === undefined) throw new Error('git http-backend is not on this machine');
  const { name = 'items', credentials } = options;
  const folder = await mkdtemp(join(tmpdir(), 'gennaker-git-'));
  const bare = join(folder, 'served', `${name}.git`);
  const work = join(folder, 'work');
  const requests: string[] = [];
  let printed = '';
  const git = async (...args: string[]): Promise<string> => {
    const result = await runProcess('git', args, { env: environment(folder) });
    if (result.exit !== 0) throw new Error(`git ${args.join(' ')} ended with ${result.exit}:\n${result.stderr}`);
    printed = result.stderr;
    return result.stdout.trim();
  };
  await mkdir(bare, { recursive: true });
  await git('init', '--quiet', '--bare', '--initial-branch=main', bare);
  await git('-C', bare, 'config', 'http.receivepack', 'true');
  await git('init', '--quiet', '--initial-branch=main', work);

  const expected =
    credentials === undefined
      ? undefined
      : `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    if (expected !== undefined && request.headers.authorization !== expected) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end('asks for credentials\n');
      return;
    }
    serve({ backend, root: join(folder, 'served'), request, response });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/${name}.git`;
  const pushUrl =
    credentials === undefined
      ? url
      : url.replace('http://', `http://${credentials.username}:${encodeURIComponent(credentials.password)}@`);

  return {
    url,
    requests,
    async push({ files, branch = 'main', ref, force = false }) {
      const has = await runProcess('git', ['-C', work, 'rev-parse', '--verify', '--quiet', branch], {
        env: environment(folder),
      });
      const isBorn = has.exit === 0;
      const hasAny =
        (
          await runProcess('git', ['-C', work, 'rev-parse', '--verify', '--quiet', 'HEAD'], {
            env: environment(folder),
          })
        ).exit === 0;
      if (isBorn) await git('-C', work, 'checkout', '--quiet', branch);
      else if (hasAny) await git('-C', work, 'checkout', '--quiet', '-b', branch);
      for (const [path, text] of Object.entries(files)) {
        const file = join(work, path);
        if (text === null) {
          await rm(file);
          continue;
        }
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, text);
      }
      await git('-C', work, 'add', '--all');
      await git('-C', work, 'commit', '--quiet', '--allow-empty', '--message', 'change');
      const commit = await git('-C', work, 'rev-parse', 'HEAD');
      await git(
        '-C',
        work,
        'push',
        '--quiet',
        ...(force ? ['--force'] : []),
        pushUrl,
        `HEAD:${ref ?? `refs/heads/${branch}`}`,
      );
      return commit;
    },
    hookOutput: () => printed,
    async setHook(script) {
      const path = join(bare, 'hooks', 'post-receive');
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, script);
      await chmod(path, 0o755);
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** git without anybody's configuration, and with an author. */
function environment(home: string): { [name: string]: string } {
  return plainEnvironment({
    HOME: home,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_AUTHOR_NAME: 'Aki',
    GIT_AUTHOR_EMAIL: 'aki@example.com',
    GIT_COMMITTER_NAME: 'Aki',
    GIT_COMMITTER_EMAIL: 'aki@example.com',
  });
}

/** One request by CGI (RFC 3875), as a web server runs http-backend. */
function serve(command: { backend: string; root: string; request: IncomingMessage; response: ServerResponse }): void {
  const { backend, root, request, response } = command;
  const url = new URL(request.url ?? '/', 'http://git.invalid');
  const { 'content-type': type, 'content-encoding': encoding, 'git-protocol': protocol } = request.headers;
  const child = spawn(backend, {
    env: plainEnvironment({
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      REQUEST_METHOD: request.method ?? 'GET',
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      REMOTE_USER: 'test',
      REMOTE_ADDR: '127.0.0.1',
      ...(type === undefined ? {} : { CONTENT_TYPE: type }),
      ...(encoding === undefined ? {} : { HTTP_CONTENT_ENCODING: encoding }),
      ...(typeof protocol === 'string' ? { GIT_PROTOCOL: protocol } : {}),
    }),
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  response.once('close', () => child.kill());
  child.stdin.on('error', () => request.unpipe(child.stdin));
  request.pipe(child.stdin);
  let head = Buffer.alloc(0);
  let isHeadSent = false;
  child.stdout.on('data', (chunk: Buffer) => {
    if (isHeadSent) {
      response.write(chunk);
      return;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) {
      if (head.length > MAXIMUM_HEAD_BYTES) response.destroy();
      return;
    }
    isHeadSent = true;
    const headers = head
      .subarray(0, end)
      .toString('utf8')
      .split('\r\n')
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()] as const);
    const status = headers.find(([name]) => name.toLowerCase() === 'status')?.[1] ?? '200';
    response.writeHead(
      Number.parseInt(status, 10),
      Object.fromEntries(headers.filter(([name]) => name.toLowerCase() !== 'status')),
    );
    response.write(head.subarray(end + 4));
  });
  child.stdout.on('end', () => response.end());
}
