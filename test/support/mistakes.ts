/** Mistakes in files of the language: what they are written with, and the tests that each is told with its place. */
import { describe, expect, it } from 'vitest';
import { problemsOf, published } from './language.ts';

/** Written in parts, because a linter takes the whole for a template string. */
export const bare = (cel: string): string => `\${{ ${cel} }}`;
export const x = (cel: string): string => `'${bare(cel)}'`;

export const templates = published(
  `template: release
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
`,
  'template: release\nversion: 3.0.0\nowner: platform\nstages: { a: { uses: echo } }\n',
);

export const ECHO = 'stages: { a: { uses: echo } }\n';
/** A pipeline of these stages, the first of which begins in line 3. */
export const stages = (...lines: string[]): string =>
  `pipeline: p\nstages:\n${lines.map((line) => `  ${line}\n`).join('')}`;
/** A pipeline with these lines from line 2 on. */
export const fields = (...lines: string[]): string =>
  `pipeline: p\n${lines.map((line) => `${line}\n`).join('')}${ECHO}`;

/** What is wrong, the file, and everything that is told of it. */
export type Mistake = readonly [what: string, file: string, told: readonly string[]];

/** Declares a test of each mistake, and that no two are alike. */
export function itTellsEach(mistakes: readonly Mistake[]): void {
  describe('each mistake is told with its place, and nothing else is:', () => {
    it.each(mistakes)('%s', (_what, file, told) => {
      expect(problemsOf(file, templates)).toEqual(told);
    });

    it('no two of them are alike', () => {
      expect(new Set(mistakes.map(([, file]) => file)).size).toBe(mistakes.length);
    });
  });
}
