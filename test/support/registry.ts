/** Debian's docker-registry with its own notifications, and skopeo to push images that the test makes. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { freePort } from './emulators.ts';
import { plainEnvironment, runProcess, type Started, startProcess } from './processes.ts';
import { requirePart } from './require.ts';
import { until } from './until.ts';

const START_TRIES = 3;
const READY_WITHIN_MS = 60_000;
/** An empty tar archive. */
const LAYER = Buffer.alloc(1024);

export type Registry = {
  /** `127.0.0.1:<port>`, the name under which it reports itself. */
  readonly host: string;
  /** Makes an image of one empty layer, pushes it with skopeo, and returns the digest that the registry gives the tag. */
  push(image: { readonly repository: string; readonly tag: string }): Promise<string>;
  stop(): Promise<void>;
};

/** Whether docker-registry and skopeo are there; where not, the reason is reported. */
export function hasRegistry(): boolean {
  const missing = ['docker-registry', 'skopeo'].filter((program) => !isOnPath(program));
  const why = `${missing.join(' and ')} not installed; \`apt-get install ${missing.join(' ')}\``;
  return requirePart('docker-registry and skopeo', missing.length === 0, why);
}

/** `hook` is what it calls for each push; a call that fails is repeated until it succeeds. */
export async function startRegistry(hook: { readonly url: string; readonly secret: string }): Promise<Registry> {
  const folder = mkdtempSync(join(tmpdir(), 'gennaker-registry-'));
  let last: unknown;
  for (let tried = 0; tried < START_TRIES; tried++) {
    const port = await freePort();
    const host = `127.0.0.1:${port}`;
    const configuration = join(folder, 'config.json');
    writeFileSync(configuration, JSON.stringify(configurationOf(host, join(folder, 'data'), hook)));
    const server = startProcess('docker-registry', ['serve', configuration], { env: plainEnvironment() });
    try {
      await ready(server, host);
      return {
        host,
        push: (image) => push(host, folder, image),
        async stop() {
          await server.kill();
          rmSync(folder, { recursive: true, force: true });
        },
      };
    } catch (error) {
      last = error;
      await server.kill();
    }
  }
  rmSync(folder, { recursive: true, force: true });
  throw new Error(`docker-registry did not start in ${START_TRIES} tries`, { cause: last });
}

/** In JSON, which is YAML too (https://distribution.github.io/distribution/about/configuration/). */
function configurationOf(host: string, data: string, hook: { url: string; secret: string }) {
  return {
    version: 0.1,
    log: { level: 'warn', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: data } },
    http: { addr: host, secret: 'of-the-test' },
    notifications: {
      endpoints: [
        {
          name: 'gennaker',
          url: hook.url,
          headers: { Authorization: [`Bearer ${hook.secret}`] },
          timeout: '10s',
          threshold: 2,
          backoff: '500ms',
        },
      ],
    },
  };
}

async function ready(server: Started, host: string): Promise<void> {
  const look = async (): Promise<boolean | undefined> => {
    if (server.end() !== undefined) return false;
    const response = await fetch(`http://${host}/v2/`, { signal: AbortSignal.timeout(2_000) });
    return response.ok ? true : undefined;
  };
  const isReady = await until('docker-registry', look, { withinMs: READY_WITHIN_MS, state: () => server.lines() });
  if (!isReady) throw new Error(`docker-registry has ended:\n${server.lines().join('\n')}`);
}

async function push(
  host: string,
  folder: string,
  { repository, tag }: { repository: string; tag: string },
): Promise<string> {
  const layout = join(folder, 'images', repository, tag);
  writeLayout(layout, `${repository}:${tag}`, tag);
  const to = `docker://${host}/${repository}:${tag}`;
  const args = ['copy', '--quiet', '--insecure-policy', '--dest-tls-verify=false', `oci:${layout}:${tag}`, to];
  const result = await runProcess('skopeo', args, { env: plainEnvironment() });
  if (result.exit !== 0) throw new Error(`skopeo ${args.join(' ')} ended with ${result.exit}:\n${result.stderr}`);
  const head = await fetch(`http://${host}/v2/${repository}/manifests/${tag}`, {
    method: 'HEAD',
    headers: { accept: MANIFEST },
  });
  const digest = head.headers.get('docker-content-digest');
  if (digest === null) throw new Error(`the registry answered ${head.status} and no digest for ${to}`);
  return digest;
}

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

/** An image in an OCI layout (https://github.com/opencontainers/image-spec/blob/main/image-layout.md). `seed` makes its digest its own. */
function writeLayout(folder: string, seed: string, tag: string): void {
  const blobs = join(folder, 'blobs', 'sha256');
  mkdirSync(blobs, { recursive: true });
  const add = (mediaType: string, bytes: Buffer) => {
    const hash = sha256(bytes);
    writeFileSync(join(blobs, hash), bytes);
    return { mediaType, digest: `sha256:${hash}`, size: bytes.length };
  };
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  const layer = add('application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(LAYER));
  const config = add(
    'application/vnd.oci.image.config.v1+json',
    json({
      architecture: 'amd64',
      os: 'linux',
      config: { Labels: { seed } },
      rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(LAYER)}`] },
    }),
  );
  const manifest = add(MANIFEST, json({ schemaVersion: 2, mediaType: MANIFEST, config, layers: [layer] }));
  const named = { ...manifest, annotations: { 'org.opencontainers.image.ref.name': tag } };
  writeFileSync(join(folder, 'index.json'), json({ schemaVersion: 2, manifests: [named] }));
  writeFileSync(join(folder, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }));
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

function isOnPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}
