import { describe, expect, it } from 'vitest';
import { blocksOf, commandsOf } from './blocks.ts';

const FENCE = '```';

describe('the blocks of a document', () => {
  it('have their place, their language and what the comment before them says', () => {
    const text = `# Title\n\n<!-- file: a/b.yaml -->\n${FENCE}yaml\npipeline: a\n${FENCE}\n\n<!-- exit: 1 -->\n${FENCE}sh\nfalse\n${FENCE}\n`;
    expect(blocksOf('README.md', text)).toEqual([
      { place: 'README.md:4', language: 'yaml', text: 'pipeline: a', exit: 0, file: 'a/b.yaml' },
      { place: 'README.md:9', language: 'sh', text: 'false', exit: 1 },
    ]);
  });

  it('may be part of a list', () => {
    expect(blocksOf('x.md', `1. Do\n   ${FENCE}sh\n   true\n   ${FENCE}\n`)[0]?.text).toBe('true');
  });

  it('have to end, and a comment has to have one', () => {
    expect(() => blocksOf('x.md', `${FENCE}sh\ntrue\n`)).toThrow('x.md:1: the block does not end');
    expect(() => blocksOf('x.md', '<!-- exit: 1 -->\n\ntext\n')).toThrow('x.md:2: a comment');
  });
});

describe('the commands of a block', () => {
  const block = { place: 'x.md:1', exit: 0 };

  it('are told from what they print by their prompt', () => {
    const text = '$ gennaker push \\\n    a:1\nimage a:1 pushed\n$ gennaker watch';
    expect(commandsOf({ ...block, language: 'console', text })).toEqual(['gennaker push a:1', 'gennaker watch']);
  });

  it('are the lines of a script', () => {
    expect(commandsOf({ ...block, language: 'sh', text: '# why\n\na\nb' })).toEqual(['a', 'b']);
  });
});
