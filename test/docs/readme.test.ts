/** Everything that the README and the pages in docs/ tell the reader to type is typed, in order, at one system. */
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { type Block, blocksOf, commandsOf } from './blocks.ts';
import { type DocumentedSystem, ROOT, startDocumentedSystem } from './system.ts';

const COMMAND_TIMEOUT_MS = 90_000;
const BLOCK_TIMEOUT_MS = 180_000;

const pages = (await readdir(join(ROOT, 'docs'))).filter((name) => name.endsWith('.md')).sort();
const documents = ['README.md', ...pages.map((name) => `docs/${name}`)];
const blocks = (
  await Promise.all(documents.map(async (name) => blocksOf(name, await readFile(join(ROOT, name), 'utf8'))))
).flat();

let started: DocumentedSystem | undefined;
beforeAll(async () => {
  started = await startDocumentedSystem();
  await cp(join(ROOT, 'examples/items-api/k8s'), join(started.folder, 'k8s'), { recursive: true });
});
afterAll(() => started?.[Symbol.asyncDispose]());

function systemOf(): DocumentedSystem {
  if (started === undefined) {
    throw new Error('The system was not started.');
  }
  return started;
}

async function check(block: Block): Promise<void> {
  if (block.file !== undefined) {
    const path = join(systemOf().folder, block.file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, `${block.text}\n`);
  }
  if (block.language === 'yaml') {
    await checkPipeline(block);
  } else if (block.language === 'console' || block.language === 'sh') {
    await runAll(block);
  }
}

/** A block that begins a pipeline has to be one, beside the manifests of an example. */
async function checkPipeline(block: Block): Promise<void> {
  if (!/^pipeline:/mu.test(block.text)) {
    return;
  }
  const file = block.file ?? `${block.place.replaceAll(/\W/gu, '-')}.yaml`;
  if (block.file === undefined) {
    await writeFile(join(systemOf().folder, file), `${block.text}\n`);
  }
  const { exit, stdout, stderr } = await systemOf().run(`npx gennaker validate ${file}`, COMMAND_TIMEOUT_MS);
  expect(exit, `${block.place}\n${stdout}${stderr}`).toBe(block.exit);
}

async function runAll(block: Block): Promise<void> {
  const commands = commandsOf(block);
  expect(commands, `${block.place} holds no command`).not.toEqual([]);
  for (const [index, command] of commands.entries()) {
    const { exit, stdout, stderr } = await systemOf().run(command, COMMAND_TIMEOUT_MS);
    const expected = index === commands.length - 1 ? block.exit : 0;
    expect(exit, `${block.place}: ${command}\n${stdout}${stderr}`).toBe(expected);
  }
}

describe('what the documents show', () => {
  for (const block of blocks.filter(({ byHand }) => byHand === undefined)) {
    it(`holds: ${block.place} (${block.language})`, { timeout: BLOCK_TIMEOUT_MS }, () => check(block));
  }
});

describe('what is not run', () => {
  it('says why, and is little', () => {
    const byHand = blocks.filter((block) => block.byHand !== undefined);
    expect(byHand.map(({ place, byHand: reason }) => `${place} ${reason}`).join('\n')).not.toMatch(/ $/mu);
    expect(byHand.length).toBeLessThanOrEqual(blocks.length / 2);
  });

  it('the start is what this test has started', () => {
    expect(packageJson.scripts.start).toBe('node cli/main.ts up');
  });
});
