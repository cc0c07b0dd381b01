/** The templates that come with the project. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A folder for each template, and in it a file for each version. */
const LIBRARY = fileURLToPath(new URL('../../templates/', import.meta.url));

export type LibraryFile = {
  readonly name: string;
  readonly version: string;
  /** Relative to the project. */
  readonly file: string;
  readonly text: string;
};

/** By name, and of each name the lowest version first. */
export async function readLibrary(): Promise<readonly LibraryFile[]> {
  const paths = (await readdir(LIBRARY, { recursive: true })).filter((path) => path.endsWith('.yaml'));
  const inOrder = paths.sort((left, right) => left.localeCompare(right, 'en', { numeric: true }));
  return Promise.all(
    inOrder.map(async (path) => {
      const [name = ''] = path.split(sep);
      const version = basename(path, '.yaml');
      const file = `templates/${path.replaceAll(sep, '/')}`;
      return { name, version, file, text: await readFile(join(LIBRARY, path), 'utf8') };
    }),
  );
}
