/** A module hook that applies the mutant named by GENNAKER_MUTANT to the code as it is loaded; used with `node --import`. */
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { MUTANTS } from './mutants.ts';

const name = process.env.GENNAKER_MUTANT;
const mutant = MUTANTS.find((one) => one.name === name);
if (mutant === undefined) throw new Error(`no mutant is called ${name}`);

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const path = url.startsWith('file:') ? fileURLToPath(url) : '';
    const edits = mutant.edits.filter((edit) => path.endsWith(`/${edit.file}`));
    if (edits.length === 0 || loaded.source === undefined || loaded.source === null) return loaded;
    let source =
      typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source as Uint8Array);
    for (const edit of edits) {
      if (source.split(edit.find).length !== 2) {
        throw new Error(`the mutant ${mutant.name} does not find its place in ${edit.file} exactly once: ${edit.find}`);
      }
      source = source.replace(edit.find, () => edit.replace);
    }
    return { ...loaded, source };
  },
});
