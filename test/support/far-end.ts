/** A far end for webhooks that keeps what it was asked, and does what one Idempotency-Key asks for once, as a real one would. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export type FarEndRequest = { readonly path: string; readonly key: string; readonly at: number };

export type FarEnd = {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** In the order of their arrival, repetitions included. */
  requests(path: string): readonly FarEndRequest[];
  /** The keys of what took effect. */
  effects(path: string): readonly string[];
  stop(): Promise<void>;
};

export async function startFarEnd(): Promise<FarEnd> {
  const requests: FarEndRequest[] = [];
  const server = createServer((request, response) => {
    const { 'idempotency-key': key } = request.headers;
    requests.push({ path: request.url ?? '', key: String(key), at: Date.now() });
    request.resume();
    request.once('end', () => response.writeHead(204).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const at = (path: string): FarEndRequest[] => requests.filter((request) => request.path === path);
  return {
    url: `http://127.0.0.1:${port}`,
    requests: at,
    effects: (path) => [...new Set(at(path).map(({ key }) => key))],
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
