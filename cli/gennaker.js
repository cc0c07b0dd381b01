#!/usr/bin/env node
// The bin of the package, in plain JavaScript so that a Node which cannot run TypeScript still gives a clear answer:
// it goes on with the Node that `npm ci` installed beside the product, or says what is missing.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

/** The first version that runs TypeScript without a flag and without a warning. */
const OLDEST = [24, 12];

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const newEnough = major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
const here = new URL('.', import.meta.url);

if (newEnough) {
  await import(new URL('main.ts', here).href);
} else {
  const installed = fileURLToPath(new URL('../node_modules/node/bin/node', here));
  if (existsSync(installed)) {
    goOnWith(installed);
  } else {
    process.stderr.write(
      `gennaker needs Node ${OLDEST.join('.')} or newer; this is ${process.versions.node}.\n` +
        'Install it from https://nodejs.org, or run "npm ci" in the checkout, which brings one along.\n',
    );
    process.exitCode = 1;
  }
}

/** Runs the CLI in another Node, as if it were this process: same terminal, same signals, same exit code. */
function goOnWith(node) {
  const main = fileURLToPath(new URL('main.ts', here));
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) {
    process.on(signal, () => child.kill(signal));
  }
  child.on('error', (error) => {
    process.stderr.write(`Could not start ${node}: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0);
  });
}
