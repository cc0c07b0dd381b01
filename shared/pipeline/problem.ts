/** What is wrong with a file that a user wrote: one sentence each, with the place. */

export type Problem = {
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** Counted from 1. */
  readonly column: number;
  /** The place inside the document where there is one, two spaces, then the sentence. */
  readonly message: string;
};

/** A path inside a document: keys and list positions from the root. */
export type Path = readonly (string | number)[];

/** The path as people write it: `stages.canary.with.steps[0].weight`. */
export function formatPath(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += text === '' ? part : `.${part}`;
  }
  return text;
}

const MAXIMUM_MESSAGE = 900;

/** The message as people can read it: names and values in it may be as long as a file. */
export function shortened(message: string): string {
  return message.length <= MAXIMUM_MESSAGE ? message : `${message.slice(0, MAXIMUM_MESSAGE).toWellFormed()}…`;
}

/** By file, then by position, then by message; the same problem once. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  const sorted = [...problems].sort(
    (a, b) =>
      compareText(a.file, b.file) || a.line - b.line || a.column - b.column || compareText(a.message, b.message),
  );
  return sorted.filter((problem, index) => {
    const before = sorted[index - 1];
    return (
      before === undefined ||
      before.file !== problem.file ||
      before.line !== problem.line ||
      before.column !== problem.column ||
      before.message !== problem.message
    );
  });
}

/** One line for each problem, and a closing line that says how many there are, and with `end`, what was not done therefore. */
export function formatProblems(problems: readonly Problem[], end?: string): string {
  const files = new Set(problems.map((problem) => problem.file)).size;
  const lines = sortProblems(problems).map(
    ({ file, line, column, message }) => `${file}:${line}:${column}  ${message}`,
  );
  const count = lines.length;
  const total = `${count} ${count === 1 ? 'problem' : 'problems'} in ${files} ${files === 1 ? 'file' : 'files'}.`;
  return [...lines, end === undefined ? total : `${total} ${end}`].join('\n');
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
