/**
 * A fresh process that serves one function and calls it once: `node cold-start-child.ts FUNCTION`, with the request in
 * BENCH_REQUEST. Prints how long after the process's start its code was loaded and its first answer was there.
 */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';

type FirstRequest = {
  readonly method: string;
  readonly path: string;
  readonly headers: { readonly [name: string]: string };
  readonly body: string;
};

/** Functions to compare with: one that does nothing, and one that reads a document. */
const BARE: { readonly [name: string]: () => Promise<void> } = {
  async bare() {
    const { http } = await import('@google-cloud/functions-framework');
    http('bare', (_, response) => {
      response.status(204).end();
    });
  },
  async 'bare-firestore'() {
    const { http } = await import('@google-cloud/functions-framework');
    const { Firestore } = await import('@google-cloud/firestore');
    const { PassThroughClient } = await import('google-auth-library');
    const host = process.env.FIRESTORE_EMULATOR_HOST ?? '';
    const projectId = process.env.GENNAKER_PROJECT ?? '';
    const firestore = new Firestore({ projectId, host, ssl: false, authClient: new PassThroughClient() });
    http('bare-firestore', async (_, response) => {
      await firestore.doc('bare/one').get();
      response.status(204).end();
    });
  },
};

async function load(name: string): Promise<void> {
  const bare = BARE[name];
  if (bare !== undefined) return bare();
  await import('../../functions/index.ts');
  // The index has begun to load it by itself, because it is the target.
  await import(`../../functions/${name}.ts`);
}

const [name = ''] = process.argv.slice(2);
const first = JSON.parse(process.env.BENCH_REQUEST ?? '{}') as FirstRequest;
await load(name);
const loadedMs = performance.now();
const { getTestServer } = await import('@google-cloud/functions-framework/testing');
const server = getTestServer(name).listen(0, '127.0.0.1');
await once(server, 'listening');
const address = server.address();
const port = typeof address === 'object' ? address?.port : undefined;
const { method, path, headers } = first;
const asked = request({ host: '127.0.0.1', port, method, path, headers }).end(first.body);
const [response] = (await once(asked, 'response')) as [IncomingMessage];
response.resume();
await once(response, 'end');
const result = { loadedMs, answeredMs: performance.now(), status: response.statusCode };
process.stdout.write(`\n${JSON.stringify(result)}\n`, () => process.exit(0));
