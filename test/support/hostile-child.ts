/**
 * Reads the hostile file that the first argument names, in a process of its own, and prints what that took: CPU time in
 * ms, the largest memory in bytes, and the first problem that was told.
 */
import { parsePipelines } from '../../shared/pipeline/parse.ts';
import { HOSTILE_FILES } from './hostile-files.ts';
import { KINDS } from './language.ts';

const parse = (text: string) => parsePipelines({ file: 'gennaker.yaml', text, kinds: KINDS });

const name = process.argv[2] ?? '';
const make = HOSTILE_FILES[name];
if (make === undefined) throw new Error(`no hostile file is called "${name}"`);
// What is loaded and made once is not the file's doing.
parse('pipeline: p\nstages: { a: { uses: echo, with: { text: "${{ 1 }}" } } }\n');
const text = make();
const before = process.cpuUsage();
const parsed = parse(text);
const { user, system } = process.cpuUsage(before);
const first = 'problems' in parsed ? parsed.problems[0]?.message : undefined;
const told = 'problems' in parsed ? parsed.problems.length : 0;
const cpuMs = Math.round((user + system) / 1000);
process.stdout.write(`${JSON.stringify({ cpuMs, peakBytes: process.resourceUsage().maxRSS * 1024, told, first })}\n`);
