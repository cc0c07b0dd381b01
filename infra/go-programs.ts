/** Builds pinned programs from their Go modules into a cache folder, for the tests, which run where there is no container engine. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** One program: its name, the folder whose go.mod pins it, the Go package and what the linker is told. */
export type Program = {
  readonly name: string;
  readonly module: string;
  readonly package: string;
  readonly linkerFlags: string;
};

export type GoPrograms = {
  /** The path of a built program; it need not exist yet. */
  path(name: string): string;
  /** The names among `names` (default: all programs) that are not built yet. */
  missing(names?: readonly string[]): string[];
  /** Builds what is missing, in the order of the list, and returns the folder. Throws at the first that cannot be built. */
  build(): string;
};

/** The programs of one set. `sourceFolder` has one folder with a go.mod for each module. */
export function goPrograms(command: { name: string; sourceFolder: string; programs: readonly Program[] }): GoPrograms {
  const { name: set, sourceFolder, programs } = command;
  const path = (name: string): string => join(cacheFolder(set, sourceFolder, programs), name);
  const missing = (names: readonly string[] = programs.map((program) => program.name)): string[] =>
    names.filter((name) => !existsSync(path(name)));
  return {
    path,
    missing,
    build() {
      const folder = cacheFolder(set, sourceFolder, programs);
      mkdirSync(folder, { recursive: true });
      const absent = missing();
      for (const program of programs) if (absent.includes(program.name)) build(program, sourceFolder, folder);
      console.error(absent.length === 0 ? 'every program is built already' : `built ${absent.length} programs`);
      return folder;
    },
  };
}

/**
 * The folder of the built programs, keyed by everything that decides their content: the go.mod and go.sum
 * files, and the linker flags. Outside the repository, so that clones and branches share one build.
 */
function cacheFolder(set: string, sourceFolder: string, programs: readonly Program[]): string {
  const hash = createHash('sha256');
  for (const module of [...new Set(programs.map((program) => program.module))].sort()) {
    for (const file of ['go.mod', 'go.sum']) hash.update(readFileSync(join(sourceFolder, module, file)));
  }
  hash.update(programs.map((program) => `${program.name} ${program.package} ${program.linkerFlags}`).join('\n'));
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(cache, 'gennaker', set, hash.digest('hex').slice(0, 16));
}

/** Builds one program under a temporary name, so that a build that was cut short never looks like a finished one. */
function build(program: Program, sourceFolder: string, folder: string): void {
  const startedAt = performance.now();
  const unfinished = join(folder, `.${program.name}.${process.pid}`);
  console.error(`building ${program.name} from ${program.package}`);
  const result = spawnSync(
    'go',
    ['build', '-trimpath', '-ldflags', program.linkerFlags, '-o', unfinished, program.package],
    {
      cwd: join(sourceFolder, program.module),
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly -buildvcs=false' },
    },
  );
  if (result.error !== undefined || result.status !== 0) {
    rmSync(unfinished, { force: true });
    const why = result.error?.message ?? `go build ended with ${result.status ?? result.signal}`;
    throw new Error(`${program.name} was not built: ${why}`, { cause: result.error });
  }
  renameSync(unfinished, join(folder, program.name));
  console.error(`built ${program.name} in ${Math.round((performance.now() - startedAt) / 1000)} s`);
}
