import { describe, expect, it } from 'vitest';
import { type PlanDescription, type ReviewContent, reviewComment, reviewTag, reviewTitle } from './review-comment.ts';

const MAXIMUM = 65_535;
const plan = (name: string, change: Partial<PlanDescription> = {}): PlanDescription => ({
  name,
  isChanged: true,
  summary: '1 change to the pipeline',
  text: '~ soak.with.for  1s -> 7s',
  ...change,
});
const content = (change: Partial<ReviewContent> = {}): ReviewContent => ({
  repository: 'items',
  commit: '59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5',
  plans: [],
  removed: [],
  problems: [],
  isFork: false,
  ...change,
});

describe('the comment on a pull request', () => {
  it('shows what changes, folds what does not, and begins with the tag that it is found by', () => {
    const text = reviewComment(
      content({
        plans: [plan('items-api'), plan('items-batch', { isChanged: false })],
        removed: ['items-old'],
      }),
      MAXIMUM,
    );
    expect(text).toBe(
      [
        '<!-- gennaker:plan items -->',
        '### Gennaker: 1 pipeline would change, 1 pipeline would be removed',
        '',
        '`items` at 59b20b8',
        '',
        '<details open><summary><b>items-api</b>  1 change to the pipeline</summary>',
        '',
        '```diff',
        '~ soak.with.for  1s -> 7s',
        '```',
        '',
        '</details>',
        '',
        '**Removed** (what has run is kept): `items-old`',
        '',
        '<details><summary>1 pipeline without a change</summary>',
        '',
        '`items-batch`',
        '',
        '</details>',
      ].join('\n'),
    );
  });

  it('sets problems apart', () => {
    const problems = [{ file: 'deploy/a.yaml', line: 3, column: 7, message: 'needs "aprove": no such stage' }];
    expect(reviewTitle(content({ problems }))).toBe('1 problem: merging this would change nothing');
    expect(reviewComment(content({ problems }), MAXIMUM)).toContain(
      '**Problems**\n\n```diff\ndeploy/a.yaml:3:7  needs "aprove": no such stage\n```',
    );
  });

  it.each([
    ['one enormous plan', [plan('items-api', { text: 'x'.repeat(1_000_000) })]],
    ['many plans', Array.from({ length: 1_000 }, (_, index) => plan(`items-${index}`))],
    ['many large plans', Array.from({ length: 300 }, (_, index) => plan(`p-${index}`, { text: 'y'.repeat(5_000) }))],
    ['many that do not change', Array.from({ length: 9_000 }, (_, index) => plan(`p-${index}`, { isChanged: false }))],
  ])('stays within the limit, says what is left out, and closes what it opens: %s', (_, plans) => {
    const text = reviewComment(content({ plans }), MAXIMUM);
    expect(text.length).toBeLessThanOrEqual(MAXIMUM);
    expect(text).toMatch(/too long for a comment|more than fit into a comment|and \d+ more/);
    expect(text.match(/<details/g)).toHaveLength(text.match(/<\/details>/g)?.length ?? 0);
    expect((text.match(/^```/gm) ?? []).length % 2).toBe(0);
    expect(text.startsWith(reviewTag('items'))).toBe(true);
  });

  it('lets one long plan hide no other', () => {
    const plans = [plan('long', { text: 'x'.repeat(200_000) }), plan('short')];
    const text = reviewComment(content({ plans }), MAXIMUM);
    expect(text).toContain('<b>short</b>');
    expect(text).toContain('~ soak.with.for');
  });

  it('lets nothing that is written in a plan leave its place', () => {
    const text = reviewComment(
      content({ plans: [plan('items-api', { text: '```\n</details><script>\n````', summary: '<img src=x>' })] }),
      MAXIMUM,
    );
    expect(text).toContain('`````diff\n```\n</details><script>\n````\n`````');
    expect(text).toContain('&lt;img src=x&gt;');
  });

  it('says of a fork that no cluster was asked', () => {
    expect(reviewComment(content({ isFork: true }), MAXIMUM)).toContain('from a fork: compared without any cluster');
  });
});
