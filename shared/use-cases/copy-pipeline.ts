/** A pipeline as a new file for whoever starts from it: its names and images become inputs, its comments stay. */
import { type Document, isMap, isNode, isScalar, parseAllDocuments, visit } from 'yaml';
import { hasExpression } from '../pipeline/expressions/text.ts';
import { didYouMean } from '../pipeline/nearest.ts';
import { readDefinition } from '../pipeline/parse.ts';
import { printDefinition } from '../pipeline/print.ts';
import type { ManifestFiles } from '../pipeline/render.ts';
import type { Blobs } from '../ports/blobs.ts';
import type { Pipelines } from '../ports/pipelines.ts';

const MAXIMUM_KNOWN = 1_000;
/** Pipeline names have at most so many characters. */
const MAXIMUM_NAME = 63;
/** The input that stands for the name of what is delivered. */
const NAME_INPUT = 'name';
const SUFFIX = '-copy';

export type CopiedPipeline =
  | {
      readonly is: 'copied';
      readonly text: string;
      /** The files that it names, by their path beside it. */
      readonly files: ManifestFiles;
    }
  | { readonly is: 'unknown'; readonly message: string };

export async function copyPipeline(
  ports: { readonly pipelines: Pick<Pipelines, 'get' | 'list'>; readonly blobs: Pick<Blobs, 'get'> },
  { name }: { readonly name: string },
): Promise<CopiedPipeline> {
  const pipeline = await ports.pipelines.get({ name });
  if (pipeline === undefined) {
    const names = (await ports.pipelines.list({ limit: MAXIMUM_KNOWN })).map((one) => one.name);
    const hint = didYouMean(name, names) || '; gennaker get catalog lists them';
    return { is: 'unknown', message: `There is no pipeline "${name}"${hint}` };
  }
  const source = pipeline.source === undefined ? undefined : await ports.blobs.get({ hash: pipeline.source });
  const kept = source === undefined ? undefined : documentOf(source, name);
  // Without its file a pipeline can still be told, only not in its author's words.
  const document = kept ?? documentOf(printDefinition(readDefinition(pipeline.definition)), name);
  if (document === undefined) throw new Error(`copying ${name}: what was printed of it is not a pipeline`);
  const files = pipeline.files === undefined ? undefined : await ports.blobs.get({ hash: pipeline.files });
  return {
    is: 'copied',
    text: asNewFile(document, name, pipeline.team),
    files: files === undefined ? {} : (JSON.parse(files) as ManifestFiles),
  };
}

/** The file was read and found right before it was kept, so it is read here without its limits. */
function documentOf(source: string, name: string): Document.Parsed | undefined {
  const documents = parseAllDocuments(source, { version: '1.2', logLevel: 'silent' });
  return 'empty' in documents ? undefined : documents.find((one) => one.get('pipeline') === name);
}

/** Where texts may hold expressions, beside the repositories of images. */
const WITH_EXPRESSIONS = ['stages', 'notify', 'namespace', 'concurrency'];
/** Fields of stages that name parts of the file itself. */
const NAMES_OF_THE_FILE: ReadonlySet<string> = new Set(['uses', 'needs', 'target', 'targets']);

function asNewFile(document: Document.Parsed, name: string, team: string): string {
  const inputs = new Inputs(keysOf(document.get('inputs')));
  for (const image of keysOf(document.get('images'))) {
    const path = ['images', image, 'repository'];
    const repository = document.getIn(path);
    if (typeof repository !== 'string' || hasExpression(repository)) continue;
    document.setIn(path, expressionOf(inputs.for(`${image}_repository`, repository)));
  }
  const repositories = [...inputs.added];
  for (const field of WITH_EXPRESSIONS) {
    const node = document.get(field, true);
    if (!isNode(node)) continue;
    visit(node, {
      Pair(key, pair) {
        if (key === 'key' || (isScalar(pair.key) && NAMES_OF_THE_FILE.has(String(pair.key.value)))) return visit.SKIP;
        return undefined;
      },
      Scalar(key, scalar) {
        if (key === 'key' || typeof scalar.value !== 'string' || hasExpression(scalar.value)) return;
        let text = scalar.value;
        for (const [input, repository] of repositories) text = text.replaceAll(repository, expressionOf(input));
        text = text.replaceAll(wholeWord(name), () => expressionOf(inputs.for(NAME_INPUT, name)));
        scalar.value = text;
      },
    });
  }
  addInputs(document, inputs.added);
  document.set('pipeline', `${name.slice(0, MAXIMUM_NAME - SUFFIX.length)}${SUFFIX}`);
  const heading = [
    ` A copy of the pipeline ${name} of the team ${team}. Give it a name and a team of yours, and let the`,
    ' defaults of its inputs say what it is to deliver.',
  ];
  document.commentBefore = [...heading, ...(document.commentBefore ? [document.commentBefore] : [])].join('\n');
  return document.toString({ lineWidth: 0 });
}

/** The inputs that the copy has beside those of the original: one for each text that it stands for. */
class Inputs {
  readonly added = new Map<string, string>();
  readonly #taken: Set<string>;

  constructor(taken: readonly string[]) {
    this.#taken = new Set(taken);
  }

  /** The name of the input for the text; `wanted`, or one like it where that is taken. */
  for(wanted: string, text: string): string {
    const known = [...this.added].find(([input, value]) => value === text && input.startsWith(wanted));
    if (known !== undefined) return known[0];
    let name = wanted;
    for (let number = 2; this.#taken.has(name); number += 1) name = `${wanted}_${number}`;
    this.#taken.add(name);
    this.added.set(name, text);
    return name;
  }
}

function addInputs(document: Document.Parsed, added: ReadonlyMap<string, string>): void {
  if (added.size === 0 || !isMap(document.contents)) return;
  const { items } = document.contents;
  if (!document.has('inputs')) {
    // Before the images, which refer to them.
    const images = items.findIndex(({ key }) => isScalar(key) && key.value === 'images');
    items.splice(images === -1 ? 1 : images, 0, document.createPair('inputs', {}));
  }
  for (const [name, value] of added) {
    const declaration = document.createNode({ type: 'string', default: value });
    declaration.flow = true;
    document.setIn(['inputs', name], declaration);
  }
}

function expressionOf(input: string): string {
  return `\${{ inputs.${input} }}`;
}

/** The name where it is not a part of a longer one. Names of pipelines have no character that patterns know. */
function wholeWord(name: string): RegExp {
  return new RegExp(`(?<![A-Za-z0-9_-])${name}(?![A-Za-z0-9_-])`, 'g');
}

function keysOf(node: unknown): readonly string[] {
  return isMap(node) ? node.items.flatMap(({ key }) => (isScalar(key) ? [String(key.value)] : [])) : [];
}
