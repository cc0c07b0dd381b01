/**
 * Builds a real Kubernetes control plane and the Cloud Tasks emulator from their Go modules, because the tests
 * run where there is no container engine. Run it with `node infra/control-plane/build.ts`; the first run takes
 * about a quarter of an hour on two cores, and a later one does nothing.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, missingPrograms, type Program, programs, sourceFolder } from './binaries.ts';

/** Builds one program under a temporary name, so that a build that was cut short never looks like a finished one. */
function build(program: Program, folder: string): void {
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

const folder = cacheFolder();
mkdirSync(folder, { recursive: true });
const missing = missingPrograms();
for (const program of programs) if (missing.includes(program.name)) build(program, folder);
console.error(missing.length === 0 ? 'every program is built already' : `built ${missing.length} programs`);
console.log(folder);
