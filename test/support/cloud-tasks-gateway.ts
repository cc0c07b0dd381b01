/** Speaks Cloud Tasks' JSON API and passes it on to the emulator, which speaks gRPC only, as Google's own front end does. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { CloudTasksClient, type protos } from '@google-cloud/tasks';
import { PassThroughClient } from 'google-auth-library';
import { grpc } from 'google-gax';
import { z } from 'zod';

type TaskMessage = protos.google.cloud.tasks.v2.ITask;

/** As much of `tasks.create` as the product sends; a field that this does not know fails the call, as it would at Google. */
const CreateTask = z.strictObject({
  task: z.strictObject({
    name: z.string(),
    scheduleTime: z.iso.datetime().optional(),
    dispatchDeadline: z.string().regex(/^\d+s$/),
    httpRequest: z.strictObject({
      httpMethod: z.literal('POST'),
      url: z.url(),
      headers: z.record(z.string(), z.string()),
      body: z.base64(),
      oidcToken: z.strictObject({ serviceAccountEmail: z.email(), audience: z.string() }),
    }),
  }),
});

type Gateway = {
  /** `127.0.0.1:<port>` */
  readonly host: string;
  /** The emulator's keys; its own list of them names an algorithm that does not exist. */
  readonly jwksUrl: string;
  stop(): Promise<void>;
};

export async function startCloudTasksGateway(emulator: { host: string; issuer: string }): Promise<Gateway> {
  const [address = '', port] = emulator.host.split(':');
  const client = new CloudTasksClient({
    apiEndpoint: address,
    port: Number(port),
    sslCreds: grpc.credentials.createInsecure(),
    projectId: 'local',
    authClient: new PassThroughClient(),
  });

  const create = async (parent: string, body: string): Promise<unknown> => {
    const { task } = CreateTask.parse(JSON.parse(body));
    const message: TaskMessage = {
      name: task.name,
      dispatchDeadline: { seconds: Number.parseInt(task.dispatchDeadline, 10) },
      httpRequest: { ...task.httpRequest, body: Buffer.from(task.httpRequest.body, 'base64') },
      ...(task.scheduleTime === undefined ? {} : { scheduleTime: timestampOf(task.scheduleTime) }),
    };
    const [created] = await client.createTask({ parent, task: message });
    return { name: created.name };
  };

  const keys = async (): Promise<unknown> => {
    const response = await fetch(`${emulator.issuer}/jwks`);
    const { keys } = (await response.json()) as { keys: object[] };
    return { keys: keys.map((key) => ({ ...key, alg: 'RS256' })) };
  };

  const answer = async (request: IncomingMessage): Promise<unknown> => {
    if (request.url === '/jwks') return keys();
    const parent = /^\/v2\/(projects\/[^/]+\/locations\/[^/]+\/queues\/[^/]+)\/tasks$/.exec(request.url ?? '')?.[1];
    if (parent === undefined || request.method !== 'POST') throw new Error(`no method at ${request.url}`);
    return create(parent, await bodyOf(request));
  };

  const server = createServer((request, response) => {
    answer(request).then(
      (json) => send(response, 200, json),
      (error: unknown) => send(response, 400, { error: { code: 400, status: statusOf(error), message: `${error}` } }),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('the Cloud Tasks gateway has no port');
  const host = `127.0.0.1:${bound.port}`;
  return {
    host,
    jwksUrl: `http://${host}/jwks`,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      await client.close();
    },
  };
}

function timestampOf(text: string): { seconds: number; nanos: number } {
  const ms = Date.parse(text);
  return { seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1_000_000 };
}

/** The canonical name of a gRPC error's code; bad JSON is an invalid argument. */
function statusOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? Number(error.code) : grpc.status.INVALID_ARGUMENT;
  return grpc.status[code] ?? 'UNKNOWN';
}

function send(response: ServerResponse, status: number, json: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
