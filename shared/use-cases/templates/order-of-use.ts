/** Templates that come together, in an order in which they can be published: each after those that it uses. */
import { formatPath, type Path, type Problem } from '../../pipeline/problem.ts';
import { isRecord, readYaml } from '../../pipeline/yaml-file.ts';

const LIMITS = { maximumBytes: 1024 * 1024, maximumValues: 50_000 };

type TemplateFile = { readonly file: string; readonly text: string };
type Use = { readonly name: string; readonly path: Path; readonly line: number; readonly column: number };
type Declared<T> = { readonly upload: T; readonly name: string; readonly uses: readonly Use[] };

/**
 * Files that do not depend on each other stay in the order that they came in. Each circle is told once, at the use that
 * closes it. What is not YAML has no uses; what is wrong with it is told elsewhere.
 */
export function inOrderOfUse<T extends TemplateFile>(
  uploads: readonly T[],
): { readonly templates: readonly T[]; readonly problems: readonly Problem[] } {
  const declared = uploads.map(declarationOf);
  const byName = new Map(declared.map((one) => [one.name, one]));
  const state = new Map<Declared<T>, 'open' | 'done'>();
  const templates: T[] = [];
  const problems: Problem[] = [];
  const trail: string[] = [];
  const visit = (one: Declared<T>): void => {
    state.set(one, 'open');
    trail.push(one.name);
    for (const { name, path, line, column } of one.uses) {
      const used = byName.get(name);
      if (used === undefined) continue;
      if (state.get(used) === undefined) visit(used);
      else if (state.get(used) === 'open') {
        const circle = [...trail.slice(trail.indexOf(name)), name].join(' uses ');
        problems.push({
          file: one.upload.file,
          line,
          column,
          message: `${formatPath(path)}  closes a circle: ${circle}`,
        });
      }
    }
    trail.pop();
    state.set(one, 'done');
    templates.push(one.upload);
  };
  for (const one of declared) if (state.get(one) === undefined) visit(one);
  return { templates, problems };
}

function declarationOf<T extends TemplateFile>(upload: T): Declared<T> {
  const { file, text } = upload;
  const { documents } = readYaml({ file, text, dialect: 'pipeline', limits: LIMITS });
  const document = documents.find(({ value }) => isRecord(value) && typeof value.template === 'string');
  const value = document?.value;
  if (document === undefined || !isRecord(value)) return { upload, name: '', uses: [] };
  const uses = usesIn(value, []).map(({ name, path }) => ({ name, path, ...document.valueAt(path) }));
  return { upload, name: String(value.template), uses };
}

/** The templates that stages name, those inserted into others included: `uses: microservice@2`. */
function usesIn(value: unknown, path: Path): { readonly name: string; readonly path: Path }[] {
  if (Array.isArray(value)) return value.flatMap((part, index) => usesIn(part, [...path, index]));
  if (!isRecord(value)) return [];
  return Object.entries(value).flatMap(([key, part]) => {
    const name = key === 'uses' && typeof part === 'string' ? /^([^@]+)@/.exec(part)?.[1] : undefined;
    return name === undefined ? usesIn(part, [...path, key]) : [{ name, path: [...path, key] }];
  });
}
