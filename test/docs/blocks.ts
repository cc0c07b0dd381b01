/**
 * Finds what the documentation shows: fenced blocks, and the comment before one that says how it is tested.
 *
 * ```console and ```sh blocks are run, ```yaml blocks are checked. A comment directly before a block says more:
 * `<!-- file: a/b.yaml -->` writes the block to that file first; `<!-- exit: 1 -->` says what its last command exits
 * with; `<!-- by hand: reason -->` keeps it from being run.
 */

export type Block = {
  /** The document and the line of the fence: `README.md:12`. */
  readonly place: string;
  /** `console`, `sh`, `yaml`, … */
  readonly language: string;
  readonly text: string;
  readonly file?: string;
  readonly exit: number;
  /** Why the block is not run. */
  readonly byHand?: string;
};

const FENCE = /^( {0,3})(`{3,})([a-z]*)\s*$/u;
const DIRECTIVE = /^<!-- (file|exit|by hand): (.+) -->$/u;

export function blocksOf(document: string, text: string): Block[] {
  const blocks: Block[] = [];
  let open: { line: number; indent: number; fence: string; language: string; lines: string[] } | undefined;
  let directives = new Map<string, string>();
  for (const [index, line] of text.split('\n').entries()) {
    if (open !== undefined) {
      if (line.trim() === open.fence) {
        blocks.push(blockOf(`${document}:${open.line}`, open.language, open.lines.join('\n'), directives));
        open = undefined;
        directives = new Map();
      } else {
        open.lines.push(line.slice(open.indent));
      }
      continue;
    }
    const [, indent, fence, language] = FENCE.exec(line) ?? [];
    const [, name, value] = DIRECTIVE.exec(line) ?? [];
    if (indent !== undefined && fence !== undefined && language !== undefined) {
      open = { line: index + 1, indent: indent.length, fence, language, lines: [] };
    } else if (name !== undefined && value !== undefined) {
      directives.set(name, value);
    } else if (directives.size > 0) {
      throw new Error(`${document}:${index + 1}: a comment for a test stands before no block`);
    }
  }
  if (open !== undefined) {
    throw new Error(`${document}:${open.line}: the block does not end`);
  }
  return blocks;
}

function blockOf(place: string, language: string, text: string, directives: ReadonlyMap<string, string>): Block {
  const file = directives.get('file');
  const byHand = directives.get('by hand');
  return {
    place,
    language,
    text,
    exit: Number(directives.get('exit') ?? 0),
    ...(file === undefined ? {} : { file }),
    ...(byHand === undefined ? {} : { byHand }),
  };
}

/** The commands of a console block, whose other lines are what they print, or of a shell block, line by line. */
export function commandsOf(block: Block): string[] {
  const lines = block.text.replaceAll(/\\\n\s*/gu, '').split('\n');
  return block.language === 'console'
    ? lines.filter((line) => line.startsWith('$ ')).map((line) => line.slice(2))
    : lines.filter((line) => line.trim() !== '' && !line.startsWith('#'));
}
