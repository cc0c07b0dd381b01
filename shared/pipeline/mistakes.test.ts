import { describe, expect, it } from 'vitest';
import { problemsOf, published } from '../../test/support/language.ts';

/** Written in parts, because a linter takes the whole for a template string. */
const bare = (cel: string): string => `\${{ ${cel} }}`;
const x = (cel: string): string => `'${bare(cel)}'`;

const templates = published(`template: release
version: 2.1.0
owner: platform
deprecated: use service
inputs:
  image: { type: string, required: true, description: The image }
  size: { type: number, minimum: 1, maximum: 9 }
  tier: { type: choice, choices: [web, batch], default: web }
  names: { type: list, maximum: 2 }
  box: { type: object, fields: { a: { type: boolean } } }
notify: [{ slack: "#all" }]
protected: [deploy, notify]
places: { after: { after: deploy } }
outputs: { version: { value: ${x('stages.deploy.version')} } }
stages: { deploy: { uses: roll, with: { image: ${x('inputs.image')} } }, probe: { needs: deploy, uses: echo } }
`, 'template: release\nversion: 3.0.0\nowner: platform\nstages: { a: { uses: echo } }\n');

const ECHO = 'stages: { a: { uses: echo } }\n';
/** A pipeline of these stages, the first of which begins in line 3. */
const stages = (...lines: string[]): string => `pipeline: p\nstages:\n${lines.map((line) => `  ${line}\n`).join('')}`;
/** A pipeline with these lines from line 2 on. */
const fields = (...lines: string[]): string => `pipeline: p\n${lines.map((line) => `${line}\n`).join('')}${ECHO}`;
const inputs = (declared: string): string => fields(`inputs: { size: ${declared} }`);
/** An expression at line 4, column 26, behind a stage that comes before and one that does not. */
const text = (cel: string): string =>
  stages('a: { uses: echo }', `b: { needs: a, uses: echo, with: { text: ${x(cel)} } }`, 'c: { uses: echo }');
const use = (given: string): string => stages(`r: { uses: release@2, target: jp, with: { ${given} } }`);
const template = (lines: string): string => `template: t\nversion: 1.0.0\nowner: platform\n${lines}`;

/** What, the file, and everything that is told of it. */
const MISTAKES: readonly (readonly [string, string, readonly string[]])[] = [
