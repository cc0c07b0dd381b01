/**
 * Reads every hostile file in a process of its own, and prints for each a line of JSON: its name, the CPU time in ms,
 * how many problems were told, the longest of them in characters, and the largest memory so far in bytes.
 */
import { parsePipelines } from '../../shared/pipeline/parse.ts';
import { HOSTILE_FILES } from './hostile-files.ts';
import { KINDS } from './language.ts';

const parse = (text: string) => parsePipelines({ file: 'gennaker.yaml', text, kinds: KINDS });

// What is loaded and made once is not a file's doing.
parse('pipeline: p\nstages: { a: { uses: echo, if: true } }\n');
for (const [name, make] of Object.entries(HOSTILE_FILES)) {
  const text = make();
  const before = process.cpuUsage();
  const parsed = parse(text);
  const { user, system } = process.cpuUsage(before);
  const problems = 'problems' in parsed ? parsed.problems : [];
  const measured = {
    name,
    cpuMs: Math.round((user + system) / 1000),
    told: problems.length,
    longest: Math.max(0, ...problems.map(({ message }) => message.length)),
    peakBytes: process.resourceUsage().maxRSS * 1024,
  };
  process.stdout.write(`${JSON.stringify(measured)}\n`);
}
