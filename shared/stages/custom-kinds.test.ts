import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { pipelineJsonSchema } from '../pipeline/json-schema.ts';
import { loadStageKinds } from './custom-kinds.ts';
import { stageKinds } from './registry.ts';

const ROOT = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'gennaker-kinds-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
mkdirSync(join(folder, 'node_modules'));
symlinkSync(join(ROOT, 'node_modules/zod'), join(folder, 'node_modules/zod'));

/** A module whose one kind has these fields instead of those of a right one. */
function moduleOf(name: string, fields: string, before = "import { z } from 'zod';"): string {
  const text = `${before}
const right = {
  kind: '${name}',
  description: 'For a test.',
  target: 'none',
  with: z.strictObject({ note: z.string().describe('What to note') }),
  cursor: z.strictObject({}),
  outputs: z.strictObject({ noted: z.string() }),
  step: async ({ note }: { note: string }) => ({ is: 'succeeded', outputs: { noted: note } }),
  stop: async () => ({ is: 'succeeded', outputs: null }),
};
export const stageKinds = [{ ...right, ${fields} }];
`;
  writeFileSync(join(folder, `${name}.ts`), text);
  return `./${name}.ts`;
}

const load = (...modules: string[]) => loadStageKinds({ modules, folder });

describe('custom stage kinds', () => {
  it('stand beside the built-in ones, which are all where nothing is configured', async () => {
    expect([...(await load()).keys()]).toEqual([...stageKinds().keys()]);
    const kinds = await load(moduleOf('note', ''));
    expect([...kinds.keys()]).toEqual([...stageKinds().keys(), 'note']);
    expect(kinds.get('note')?.with.parse({ note: 'a' })).toEqual({ note: 'a' });
    expect(JSON.stringify(pipelineJsonSchema(kinds))).toContain('What to note');
  });

  it('are loaded once, however often they are asked for', async () => {
    const module = moduleOf('once', '');
    expect((await load(module)).get('once')).toBe((await load(module)).get('once'));
  });

  it.each([
    ['nameless', 'kind: undefined', 'its stageKinds[0] cannot be used: kind is missing'],
    ['capital', "kind: 'Capital'", 'its kind "Capital" cannot be used: kind must be lower-case letters, digits and -'],
    ['aimless', 'target: undefined', 'its kind "aimless" cannot be used: target is missing'],
    ['endless', 'stop: undefined, step: 3', 'step must be a function; stop is missing'],
    ['old-schema', 'with: { parse: () => ({}) }', 'with must be a schema of zod 4'],
    ['mistyped', 'outputOf: () => z.any()', 'outputOf is no field of a stage kind; did you mean "outputsOf"?'],
    ['deploy', '', 'has a kind "deploy", but a built-in kind is called so already'],
  ])('%s is refused, by package and cause', async (name, fields, message) => {
    const loading = load(moduleOf(name, fields));
    await expect(loading).rejects.toMatchObject({ name: 'UnusableStageKind' });
    await expect(loading).rejects.toThrow(`loading the stage kinds of "./${name}.ts": `);
    await expect(loading).rejects.toThrow(message);
  });

  it('say what a module lacks, and which other module has the name', async () => {
    writeFileSync(join(folder, 'other.ts'), 'export const kind = 1;');
    await expect(load('./other.ts')).rejects.toThrow(
      'it exports kind; expected a list of kinds: export const stageKinds',
    );
    writeFileSync(join(folder, 'partial.ts'), "export const stageKinds = [{ kind: 'partial' }];");
    await expect(load('./partial.ts')).rejects.toThrow('its kind "partial" cannot be used: description is missing; ');
    const twice = load(moduleOf('first', "kind: 'shared'"), moduleOf('second', "kind: 'shared'"));
    await expect(twice).rejects.toThrow(
      '"./second.ts": it has a kind "shared", but one of "./first.ts" is called so already',
    );
  });

  it.each([
    ['./absent.ts', 'Cannot find module'],
    ['@acme/absent', 'Cannot find module'],
  ])('%s that is not there is told with where it was looked for', async (module, message) => {
    await expect(load(module)).rejects.toThrow(`loading the stage kinds of "${module}" from ${folder}: ${message}`);
  });

  it('may come as a package, with a copy of zod of its own', async () => {
    const home = join(folder, 'node_modules/@acme/kinds');
    mkdirSync(join(home, 'node_modules'), { recursive: true });
    cpSync(join(ROOT, 'node_modules/zod'), join(home, 'node_modules/zod'), { recursive: true });
    writeFileSync(join(home, 'package.json'), '{ "name": "@acme/kinds", "type": "module", "exports": "./index.js" }');
    const text = `import { z } from 'zod';
export const ownZod = z;
export const stageKinds = [{
  kind: 'foreign', description: 'With its own zod.', target: 'none',
  with: z.strictObject({ note: z.string().describe('What to note') }), cursor: z.null(), outputs: z.null(),
  step: async () => ({ is: 'succeeded', outputs: null }), stop: async () => ({ is: 'succeeded', outputs: null }),
}];`;
    writeFileSync(join(home, 'index.js'), text);
    const kinds = await load('@acme/kinds');
    const { ownZod } = (await import(join(home, 'index.js'))) as { ownZod: unknown };
    expect(ownZod).not.toBe(z);
    const foreign = kinds.get('foreign');
    expect(JSON.stringify(pipelineJsonSchema(kinds))).toContain('What to note');
    expect(() => foreign?.with.parse({ note: 1 })).toThrow(z.ZodError);
  });
});
