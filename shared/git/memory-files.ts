/** The file system that isomorphic-git works on: one fetch in memory, of a bounded size, and gone with the fetch. */
import { posix } from 'node:path';

type FileError = Error & { readonly code: string };
type Stats = {
  readonly type: 'file' | 'dir';
  readonly mode: number;
  readonly size: number;
  readonly ino: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
};

/** `accept` sees each file before it is kept, and throws for one that must not be. */
export function memoryFiles(accept: (path: string, bytes: Uint8Array) => void): { promises: MemoryFiles } {
  return { promises: new MemoryFiles(accept) };
}

/** What isomorphic-git asks of `fs.promises`, and no more. */
class MemoryFiles {
  readonly #accept: (path: string, bytes: Uint8Array) => void;
  readonly #files = new Map<string, Uint8Array>();
  readonly #folders = new Set<string>(['/']);

  constructor(accept: (path: string, bytes: Uint8Array) => void) {
    this.#accept = accept;
  }

  async readFile(path: string, options?: string | { readonly encoding?: string }): Promise<Uint8Array | string> {
    const bytes = this.#files.get(normal(path));
    if (bytes === undefined) throw missing(path);
    const encoding = typeof options === 'string' ? options : options?.encoding;
    return encoding === undefined ? bytes : new TextDecoder().decode(bytes);
  }

  async writeFile(path: string, content: Uint8Array | string): Promise<void> {
    const name = normal(path);
    if (!this.#folders.has(posix.dirname(name))) throw missing(path);
    const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : content;
    this.#accept(name, bytes);
    this.#files.set(name, bytes);
  }

  async mkdir(path: string): Promise<void> {
    const name = normal(path);
    if (this.#folders.has(name) || this.#files.has(name)) throw failure('EEXIST', `${path} exists`);
    if (!this.#folders.has(posix.dirname(name))) throw missing(path);
    this.#folders.add(name);
  }

  async readdir(path: string): Promise<string[]> {
    const name = normal(path);
    if (!this.#folders.has(name)) throw missing(path);
    return [...this.#files.keys(), ...this.#folders]
      .filter((one) => one !== '/' && posix.dirname(one) === name)
      .map((one) => posix.basename(one));
  }

  async stat(path: string): Promise<Stats> {
    const name = normal(path);
    const bytes = this.#files.get(name);
    const isFolder = this.#folders.has(name);
    if (bytes === undefined && !isFolder) throw missing(path);
    return {
      type: isFolder ? 'dir' : 'file',
      mode: isFolder ? 0o40755 : 0o100644,
      size: bytes?.byteLength ?? 0,
      ino: 0,
      mtimeMs: 0,
      ctimeMs: 0,
      isFile: () => !isFolder,
      isDirectory: () => isFolder,
      isSymbolicLink: () => false,
    };
  }

  lstat(path: string): Promise<Stats> {
    return this.stat(path);
  }

  async unlink(path: string): Promise<void> {
    if (!this.#files.delete(normal(path))) throw missing(path);
  }

  async rmdir(path: string): Promise<void> {
    if (!this.#folders.delete(normal(path))) throw missing(path);
  }

  async readlink(path: string): Promise<string> {
    throw failure('EINVAL', `${path} is no symbolic link`);
  }

  async symlink(_target: string, path: string): Promise<void> {
    throw failure('EPERM', `${path}: symbolic links are not kept`);
  }
}

function normal(path: string): string {
  return posix.resolve('/', path);
}

function missing(path: string): FileError {
  return failure('ENOENT', `there is no ${path}`);
}

function failure(code: string, message: string): FileError {
  return Object.assign(new Error(message), { code });
}
