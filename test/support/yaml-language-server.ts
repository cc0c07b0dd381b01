/** VS Code's YAML language server as an editor drives it: over stdio, in the Language Server Protocol. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const ANSWER_MS = 60_000;
const MAXIMUM_TRIES = 50;
const HEADER = /Content-Length: (\d+)\r\n(?:[^\r\n]+\r\n)*\r\n/;

export type Diagnostic = { readonly message: string; readonly range: { readonly start: { readonly line: number } } };
export type Completion = { readonly label: string; readonly documentation?: unknown };

export type YamlLanguageServer = {
  /** What the server finds wrong with a document of this text. */
  diagnose(text: string): Promise<readonly Diagnostic[]>;
  /** What it offers at the place, counted from 0. */
  complete(text: string, position: { line: number; character: number }): Promise<readonly Completion[]>;
  stop(): Promise<void>;
};

type Message = { readonly id?: number; readonly method?: string; readonly params?: unknown; readonly result?: unknown };

/** Starts the server; every document is checked by the schema at `schemaUri`, a file: address. */
export async function startYamlLanguageServer(schemaUri: string): Promise<YamlLanguageServer> {
  const folder = join(createRequire(import.meta.url).resolve('yaml-language-server/package.json'), '..');
  const server = spawn(process.execPath, [join(folder, 'bin', 'yaml-language-server'), '--stdio']);
  const connection = connect(server, { yaml: { schemas: { [schemaUri]: '*' }, schemaStore: { enable: false } } });
  await connection.request('initialize', {
    processId: process.pid,
    rootUri: null,
    capabilities: {
      textDocument: { completion: { completionItem: { snippetSupport: true } } },
      workspace: { configuration: true },
    },
  });
  connection.notify('initialized', {});
  let documents = 0;
  const open = (text: string): string => {
    documents += 1;
    const uri = `file:///pipelines/${documents}.yaml`;
    connection.notify('textDocument/didOpen', { textDocument: { uri, languageId: 'yaml', version: 1, text } });
    return uri;
  };
  const diagnose = async (text: string): Promise<readonly Diagnostic[]> => {
    const uri = open(text);
    return connection.until('textDocument/publishDiagnostics', (params) => {
      const { uri: about, diagnostics } = params as { uri: string; diagnostics: readonly Diagnostic[] };
      return about === uri ? diagnostics : undefined;
    });
  };
  // It answers before it has its settings, and knows no schema then.
  for (let tries = 0; (await diagnose('pipeline: 1\n')).length === 0; tries++) {
    if (tries >= MAXIMUM_TRIES) throw new Error('the language server never took the schema');
  }
  return {
    diagnose,
    async complete(text, position) {
      const textDocument = { uri: open(text) };
      const result = await connection.request('textDocument/completion', { textDocument, position });
      return (result as { items: readonly Completion[] }).items;
    },
    async stop() {
      const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
      server.kill();
      await ended;
    },
  };
}

function connect(server: ChildProcessWithoutNullStreams, settings: { readonly [section: string]: unknown }) {
  const answers = new Map<number, (result: unknown) => void>();
  const listeners = new Set<(message: Message) => void>();
  let requests = 0;
  let received = Buffer.alloc(0);
  const send = (message: object): void => {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message });
    server.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  };
  const take = (message: Message): void => {
    const { id, method, params } = message;
    if (method === undefined && id !== undefined) answers.get(id)?.(message.result);
    else if (id !== undefined) {
      const items = (params as { items?: readonly { section?: string }[] } | undefined)?.items ?? [];
      send({
        id,
        result:
          method === 'workspace/configuration' ? items.map(({ section = '' }) => settings[section] ?? null) : null,
      });
    }
    for (const listener of listeners) listener(message);
  };
  server.stdout.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    for (let header = HEADER.exec(received.toString('latin1')); header !== null; ) {
      const from = header.index + header[0].length;
      const length = Number(header[1]);
      if (received.length < from + length) return;
      take(JSON.parse(received.subarray(from, from + length).toString('utf8')) as Message);
      received = received.subarray(from + length);
      header = HEADER.exec(received.toString('latin1'));
    }
  });
  const within = <T>(what: string, wait: Promise<T>): Promise<T> => {
    const { promise, reject } = Promise.withResolvers<T>();
    const timer = setTimeout(() => reject(new Error(`the language server gave no ${what}`)), ANSWER_MS);
    return Promise.race([wait, promise]).finally(() => clearTimeout(timer));
  };
  return {
    notify: (method: string, params: unknown): void => send({ method, params }),
    request(method: string, params: unknown): Promise<unknown> {
      requests += 1;
      const id = requests;
      const answer = new Promise<unknown>((resolve) => answers.set(id, resolve));
      send({ id, method, params });
      return within(`answer to ${method}`, answer);
    },
    until<T>(method: string, pick: (params: unknown) => T | undefined): Promise<T> {
      const found = new Promise<T>((resolve) => {
        const listener = (message: Message): void => {
          const value = message.method === method ? pick(message.params) : undefined;
          if (value === undefined) return;
          listeners.delete(listener);
          resolve(value);
        };
        listeners.add(listener);
      });
      return within(method, found);
    },
  };
}
