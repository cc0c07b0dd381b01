/** Names the programs of the test control plane and the cache folder they lie in, for the script that builds them and the tests that run them. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const kubernetesVersion = 'v1.34.4';

/** Without a version of its own, kubectl refuses to speak to the server; without `-s -w` the five programs take twice the disk. */
const kubernetesLinkerFlags = `-s -w -X k8s.io/component-base/version.gitVersion=${kubernetesVersion}`;

/** One program: its name, the folder whose go.mod pins it, the Go package and what the linker is told. */
export type Program = { name: string; module: string; package: string; linkerFlags: string };

/** Smallest first, so that whoever needs only those does not wait for the API server. */
export const programs = [
  {
    name: 'cloud-tasks-emulator',
    module: 'cloud-tasks',
    package: 'github.com/aertje/cloud-tasks-emulator',
    linkerFlags: '-s -w',
  },
  { name: 'etcd', module: 'etcd', package: 'go.etcd.io/etcd/server/v3', linkerFlags: '-s -w' },
  { name: 'kwok', module: 'kwok', package: 'sigs.k8s.io/kwok/cmd/kwok', linkerFlags: '-s -w' },
  ...['kube-scheduler', 'kube-apiserver', 'kube-controller-manager'].map((name) => ({
    name,
    module: 'kubernetes',
    package: `k8s.io/kubernetes/cmd/${name}`,
    linkerFlags: kubernetesLinkerFlags,
  })),
] satisfies Program[];

/** The folder of this file, with one go.mod folder for each module. */
export const sourceFolder = import.meta.dirname;

/**
 * The folder of the built programs, keyed by everything that decides their content: the go.mod and go.sum
 * files, and the linker flags. Outside the repository, so that clones and branches share one build.
 */
export function cacheFolder(): string {
  const hash = createHash('sha256');
  for (const module of [...new Set(programs.map((program) => program.module))].sort()) {
    for (const file of ['go.mod', 'go.sum']) hash.update(readFileSync(join(sourceFolder, module, file)));
  }
  hash.update(programs.map((program) => `${program.name} ${program.package} ${program.linkerFlags}`).join('\n'));
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(cache, 'gennaker', 'control-plane', hash.digest('hex').slice(0, 16));
}

/** The path of a built program; it need not exist yet. */
export function programPath(name: string): string {
  return join(cacheFolder(), name);
}

/** The names among `names` (default: all programs) that are not built yet. */
export function missingPrograms(names: string[] = programs.map((program) => program.name)): string[] {
  return names.filter((name) => !existsSync(programPath(name)));
}
