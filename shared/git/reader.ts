/** Reads one commit of a repository over plain Git smart HTTP into memory, so that nothing has to be installed where it runs. */
import git, { Errors, type ReadTreeResult } from 'isomorphic-git';
import { fileText } from '../pipeline/file-text.ts';
import { type GuardOptions, guardOf } from '../stages/http-client.ts';
import { GitError } from './git-error.ts';
import { memoryFiles } from './memory-files.ts';
import { checkPack } from './pack-limits.ts';
import { gitTransport } from './transport.ts';

/** What one reading may take, in bytes over the network. */
export const MAXIMUM_RECEIVED_BYTES = 64 * 1024 * 1024;
const PACK_LIMITS = { maximumObjects: 50_000, maximumUnpackedBytes: 192 * 1024 * 1024 };
/** Files in the folders that are asked for. */
export const MAXIMUM_FILES = 2_000;
export const MAXIMUM_FILE_BYTES = 4 * 1024 * 1024;
/** Of the files in those folders. */
export const MAXIMUM_FOLDER_BYTES = 24 * 1024 * 1024;
const MAXIMUM_FOLDER_DEPTH = 30;

export type GitCredentials = { readonly username: string; readonly password: string };

type Place = {
  readonly url: string;
  /** A whole name: `refs/heads/main`, `refs/pull/7/head`. */
  readonly ref: string;
  readonly credentials?: GitCredentials | undefined;
  /** Bounds the reading in time. */
  readonly signal: AbortSignal;
};

export type Checkout = {
  /** 40 hexadecimal digits. */
  readonly commit: string;
  /** The files below the folders, by their path in the repository, as `fileText` carries them. Links are left out. */
  readonly files: { readonly [path: string]: string };
};

/** Both methods throw GitError. */
export interface GitReader {
  /** The commit that the ref stands at now, or undefined where there is none of that name. */
  head(query: Place): Promise<string | undefined>;
  /** The folders (`''` is the whole repository) as they are at the ref. A folder that is not there holds no files. */
  read(query: Place & { readonly folders: readonly string[] }): Promise<Checkout>;
}

export function gitReader(options: GuardOptions): GitReader {
  const guard = guardOf(options);
  const remote = ({ url, credentials, signal }: Place) => ({
    url,
    http: gitTransport({ guard, signal, maximumBytes: MAXIMUM_RECEIVED_BYTES }),
    onAuth: () => credentials ?? { cancel: true },
    onAuthFailure: () => ({ cancel: true }),
  });
  return {
    async head(place) {
      const refs = await telling(place, () =>
        git.listServerRefs({ ...remote(place), prefix: place.ref, protocolVersion: 2 }),
      );
      return refs.find(({ ref }) => ref === place.ref)?.oid;
    },
    async read(place) {
      const fs = memoryFiles((path, bytes) => {
        if (path.endsWith('.pack')) checkPack(bytes, PACK_LIMITS);
      });
      const at = { fs, gitdir: '/repository', cache: {} };
      return telling(place, async () => {
        await git.init({ ...at, bare: true });
        await git.addRemote({ ...at, remote: 'origin', url: place.url });
        const { fetchHead } = await git.fetch({
          ...at,
          ...remote(place),
          ref: place.ref,
          remoteRef: place.ref,
          singleBranch: true,
          depth: 1,
          tags: false,
        });
        if (fetchHead === null) throw new GitError(`reading ${place.url}: the repository is empty`);
        return { commit: fetchHead, files: await readFolders(at, fetchHead, place.folders) };
      });
    },
  };
}

type Repository = { readonly fs: ReturnType<typeof memoryFiles>; readonly gitdir: string; readonly cache: object };

async function readFolders(
  repository: Repository,
  commit: string,
  folders: readonly string[],
): Promise<{ [path: string]: string }> {
  const { tree: root } = (await git.readCommit({ ...repository, oid: commit })).commit;
  const files = new Map<string, string>();
  const left = { bytes: MAXIMUM_FOLDER_BYTES };
  for (const folder of folders) {
    const oid = await folderAt(repository, root, folder);
    if (oid !== undefined) await readFolder({ repository, oid, path: folder, depth: 0, files, left });
  }
  return Object.fromEntries(files);
}

async function folderAt(repository: Repository, root: string, folder: string): Promise<string | undefined> {
  let oid = root;
  for (const name of folder.split('/').filter((part) => part !== '')) {
    const { tree } = await git.readTree({ ...repository, oid });
    const next = tree.find((entry) => entry.path === name && entry.type === 'tree');
    if (next === undefined) return undefined;
    oid = next.oid;
  }
  return oid;
}

async function readFolder(command: {
  repository: Repository;
  oid: string;
  path: string;
  depth: number;
  files: Map<string, string>;
  left: { bytes: number };
}): Promise<void> {
  const { repository, oid, path, depth, files, left } = command;
  if (depth > MAXIMUM_FOLDER_DEPTH) {
    throw new GitError(
      `reading ${path}: folders lie more than ${MAXIMUM_FOLDER_DEPTH} deep; that is as deep as is read`,
    );
  }
  const { tree }: ReadTreeResult = await git.readTree({ ...repository, oid });
  for (const entry of tree) {
    const name = path === '' ? entry.path : `${path}/${entry.path}`;
    if (entry.type === 'tree') {
      await readFolder({ ...command, oid: entry.oid, path: name, depth: depth + 1 });
      continue;
    }
    // A symbolic link may lead anywhere, and another repository is not this one.
    if (entry.type !== 'blob' || entry.mode === '120000' || files.has(name)) continue;
    const { blob } = await git.readBlob({ ...repository, oid: entry.oid });
    if (blob.byteLength > MAXIMUM_FILE_BYTES) {
      throw new GitError(`reading ${name}: it has ${blob.byteLength} bytes; at most ${MAXIMUM_FILE_BYTES} are read`);
    }
    left.bytes -= blob.byteLength;
    if (left.bytes < 0) {
      throw new GitError(
        `reading ${path}: its files have more than ${MAXIMUM_FOLDER_BYTES} bytes; register a smaller folder`,
      );
    }
    if (files.size === MAXIMUM_FILES) {
      throw new GitError(`reading ${path}: it has more than ${MAXIMUM_FILES} files; register a smaller folder`);
    }
    files.set(name, fileText(blob));
  }
}

async function telling<T>({ url, ref }: Place, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof GitError) throw cause;
    if (cause instanceof Errors.UserCanceledError || isStatus(cause, 401)) {
      throw new GitError(`reading ${url}: it asks for credentials, and those that are registered do not open it`, {
        cause,
      });
    }
    if (cause instanceof Errors.NotFoundError) {
      throw new GitError(`reading ${url}: it has no ${ref.replace(/^refs\/heads\//, 'branch ')}`, { cause });
    }
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new GitError(`reading ${ref} of ${url} failed: ${why}`, { cause, retryable: true });
  }
}

function isStatus(error: unknown, status: number): boolean {
  return error instanceof Errors.HttpError && error.data.statusCode === status;
}
