import { describe, expect, it } from 'vitest';
import { selectFiles } from './select-files.ts';

const select = (paths: readonly string[], ...patterns: string[]) =>
  selectFiles({ paths, patterns, pipelineFile: 'gennaker.yaml' });
const problem = (message: string) => ({ problems: [{ file: 'gennaker.yaml', line: 1, column: 1, message }] });

describe('the files that patterns name', () => {
  it('are taken once each, in the order of the patterns', () => {
    const paths = ['b.yaml', 'a.yaml', 'k8s/c.yaml', '.hidden.yaml'];
    expect(select(paths, './b.yaml', '*.yaml', '**/c.yaml')).toEqual({ paths: ['b.yaml', 'a.yaml', 'k8s/c.yaml'] });
  });

  it.each([
    ['/etc/*.yaml', 'manifests.files[0]  "/etc/*.yaml" leads out of the pipeline\'s folder'],
    ['../*.yaml', 'manifests.files[0]  "../*.yaml" leads out of the pipeline\'s folder'],
    ['b*.yaml', 'manifests.files[0]  "b*.yaml" names no file'],
    [
      '{a,b}'.repeat(6),
      `manifests.files[0]  "${'{a,b}'.repeat(6)}" stands for more than 32 patterns; name the files in several`,
    ],
  ])('are a problem where it is %s', (pattern, message) => {
    expect(select(['a.yaml'], pattern)).toEqual(problem(message));
  });

  it('are found soon, whatever the pattern', () => {
    const pattern = `${'*a'.repeat(20)}*b.yaml`;
    expect(select(['a'.repeat(100)], pattern)).toEqual(problem(`manifests.files[0]  "${pattern}" names no file`));
  });
});
