/** A system that answers the commands in tests as the real one would, and keeps what it was asked. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { run } from '../program.ts';
import type { Environment, Surroundings } from '../terminal.ts';
import { NOW } from './executions.ts';

export type Asked = {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly contentType: string | undefined;
  readonly body: unknown;
};

export type Answer = {
  readonly status?: number;
  readonly body?: unknown;
  /** Pieces of an event stream, written one by one; the connection ends after the last. */
  readonly stream?: readonly string[];
};

/** Answers by method and path: `GET /api/executions?limit=1`. A list is used up one by one, its last answer stays. */
export type Answers = { readonly [request: string]: Answer | readonly Answer[] };

export type TestSystem = AsyncDisposable & { readonly url: string; readonly asked: readonly Asked[] };

export async function startSystem(answers: Answers): Promise<TestSystem> {
  const asked: Asked[] = [];
  const used = new Map<string, number>();
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { method = '', url: path = '' } = request;
    const text = (await request.toArray()).map(String).join('');
    const { authorization, 'content-type': contentType } = request.headers;
    asked.push({ method, path, authorization, contentType, body: text === '' ? undefined : JSON.parse(text) });
    const key = `${method} ${path}`;
    const known = answers[key] ?? {
      status: 404,
      body: { error: { code: 'not-found', message: `There is no ${key}.` } },
    };
    const all = 'length' in known ? known : [known];
    const position = used.get(key) ?? 0;
    used.set(key, position + 1);
    await write(all[Math.min(position, all.length - 1)] ?? {}, response);
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function write(answer: Answer, response: ServerResponse): Promise<void> {
  if (answer.stream === undefined) {
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/json' });
    response.end(answer.body === undefined ? '' : JSON.stringify(answer.body));
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const piece of answer.stream) {
    await new Promise((resolve) => response.write(piece, resolve));
  }
  response.end();
}

/** The pieces of a stream that tells of these states, one after the other. */
export function eventStream(...states: readonly unknown[]): readonly string[] {
  return states.map((state) => `event: execution\ndata: ${JSON.stringify(state)}\n\n`);
}

/** Surroundings whose output is kept as text. Nothing is a terminal unless it is said. */
export function testSurroundings(changes: { environment?: Environment; terminal?: boolean; now?: () => number } = {}) {
  const written = { stdout: '', stderr: '' };
  const interrupt = new AbortController();
  const output = (name: 'stdout' | 'stderr') => ({
    isTTY: changes.terminal === true,
    ...(changes.terminal === true ? { columns: 80, rows: 24 } : {}),
    write: (text: string) => {
      written[name] += text;
      return true;
    },
  });
  const listeners = new Set<(chunk: Buffer) => void>();
  const surroundings: Surroundings = {
    stdout: output('stdout'),
    stderr: output('stderr'),
    keys: {
      isTTY: changes.terminal === true,
      setRawMode: () => undefined,
      on: (_event, listener) => listeners.add(listener),
      off: (_event, listener) => listeners.delete(listener),
      resume: () => undefined,
      pause: () => undefined,
    },
    environment: { XDG_CONFIG_HOME: '/nonexistent', ...changes.environment },
    now: changes.now ?? (() => NOW),
    signal: interrupt.signal,
  };
  const press = (key: string) => {
    for (const listener of listeners) {
      listener(Buffer.from(key));
    }
  };
  return { surroundings, written, press, interrupt };
}

export type Ran = {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly asked: readonly Asked[];
};

/** Runs one command line against a system with these answers. */
export async function gennaker(args: string, answers: Answers = {}, environment: Environment = {}): Promise<Ran> {
  await using system = await startSystem(answers);
  return await gennakerAt(system, args, environment);
}

/** Runs one command line against this system. */
export async function gennakerAt(system: TestSystem, args: string, environment: Environment = {}): Promise<Ran> {
  const { surroundings, written } = testSurroundings({
    environment: {
      GENNAKER_URL: system.url,
      GENNAKER_TOKEN: 'test-token',
      GENNAKER_HOOK_SECRET: 'hook-secret',
      ...environment,
    },
  });
  const exitCode = await run(args === '' ? [] : args.split(' '), surroundings);
  return { exitCode, ...written, asked: system.asked };
}
