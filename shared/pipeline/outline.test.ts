/** What is planned before anyone has started anything, and what templates keep from those who use them. */
import { describe, expect, it } from 'vitest';
import { KINDS, planOf, problemsOf, published, read, stageOf, TARGETS } from '../../test/support/language.ts';
import { outline } from './outline.ts';
import { NO_TEMPLATES, type Templates } from './template.ts';

/** Written in parts, because a linter takes the whole for a template string. */
const x = (cel: string): string => `"\${{ ${cel.replaceAll('"', '\\"')} }}"`;

function outlineOf(text: string, templates: Templates = NO_TEMPLATES) {
  const [definition] = read(text, templates).pipelines;
  if (definition === undefined) throw new Error('the text has no pipeline');
  return outline({ definition, kinds: KINDS, templates, targets: TARGETS }).plan;
}

describe('an outline', () => {
  it('leaves open what only an event can tell', () => {
    const made = outlineOf(`pipeline: a
concurrency: { group: ${x('trigger.source')} }
notify: [{ slack: ${x('"#" + trigger.by')} }]
stages:
  a: { uses: echo, if: ${x("trigger.source == 'manual'")}, with: { text: ${x('trigger.text')} } }
`);
    expect(stageOf(made, 'a')).toMatchObject({ isDynamic: true });
    expect(made.notify).toEqual([]);
  });

  it('leaves open what rests on an input that somebody must give, and checks the rest', () => {
    const inputs = 'inputs: { soak: { type: string, required: true }, where: { type: string, required: true } }';
    const stages = (target: string) => `pipeline: a
${inputs}
stages:
  soak: { uses: wait, with: { for: ${x('inputs.soak')} } }
  b: { uses: roll, target: ${x('inputs.where')} }
  c: { uses: roll, target: ${target} }
`;
    expect(outlineOf(stages('jp')).stages.map(({ id }) => id)).toEqual(['soak', 'c']);
    expect(() => outlineOf(stages('jpp'))).toThrow('no target is called "jpp"');
  });
});

describe('what need not be there', () => {
  it('may be named in the branch that is taken where it is', () => {
    const text = `pipeline: a\nstages:\n  a: { uses: echo, with: { text: ${x("has(trigger.by) ? trigger.by : 'none'")} } }\n`;
    expect(stageOf(planOf(text, { trigger: { source: 'cron' } }), 'a').with).toEqual({ text: 'none' });
    expect(stageOf(planOf(text, { trigger: { source: 'manual', by: 'aki' } }), 'a').with).toEqual({ text: 'aki' });
  });
});

const GATED = `template: gated
version: 1.0.0
owner: platform
protected: [check, notify]
notify: [{ slack: "#audit" }]
stages:
  check: { uses: echo }
  release: { uses: echo, needs: check }
`;
const QUIET = GATED.replace('gated', 'quiet').replace('[check, notify]', '[]').replace('#audit', '#nobody');

describe('what a template protects', () => {
  const templates = published(GATED, QUIET);

  it('fails as the template says, whatever the pipeline has for others', () => {
    const defaults = 'defaults: { on-failure: { then: continue, others: finish }, timeout: 2s }';
    const made = planOf(`pipeline: a\n${defaults}\nstages:\n  r: { uses: gated@1 }\n`, { templates });
    expect(stageOf(made, 'r.check')).toMatchObject({ onFailure: { then: 'fail' }, timeoutMs: 3_600_000 });
    expect(stageOf(made, 'r.release')).toMatchObject({ onFailure: { then: 'continue' }, timeoutMs: 2_000 });
  });

  it('cannot be told to go on by the stage that uses it', () => {
    const use = 'pipeline: a\nstages:\n  r: { uses: gated@1, on-failure: { then: continue } }\n';
    expect(problemsOf(use, templates)).toEqual([
      expect.stringContaining('3:43  stages.r.on-failure.then  cannot be said of check, which gated@1.0.0 protects'),
    ]);
  });

  it('is not hidden by another template', () => {
    const made = planOf('pipeline: a\nstages:\n  a0: { uses: quiet@1 }\n  r: { uses: gated@1 }\n', { templates });
    expect(made.notify).toMatchObject([{ slack: '#audit' }]);
  });
});

describe('names of stages', () => {
  it('that come to the same for two targets are a problem', () => {
    const inner = `template: inner\nversion: 1.0.0\nowner: platform\nstages:\n  y: { uses: roll, targets: [b-c, c] }\n`;
    const text = 'pipeline: p\nstages:\n  x: { uses: inner@1, targets: [a, a-b] }\n';
    const targets = ['a', 'a-b', 'b-c', 'c'].map((name) => ({ name, labels: {} }));
    expect(() => planOf(text, { templates: published(inner), targets })).toThrow('comes to the stage "x.y-a-b-c"');
  });

  it('of targets are looked at beside labels too', () => {
    const text = 'pipeline: p\nstages:\n  x: { uses: roll, targets: { names: [jp, uss], labels: { region: "*" } } }\n';
    expect(() => planOf(text)).toThrow('no target is called "uss"; did you mean "us"?');
  });
});

describe('a template', () => {
  it('has no files for a stage to read', () => {
    const text = 'template: t\nversion: 1.0.0\nowner: o\nstages:\n  b: { uses: bake, with: { files: ["*.yaml"] } }\n';
    expect(problemsOf(text)).toEqual([expect.stringContaining('uses bake, which reads files beside a pipeline')]);
  });
});

describe('the expressions of a plan', () => {
  const numbers = Array.from({ length: 200 }, (_, index) => index);
  const costly = Array(8).fill('inputs.l.filter(a, inputs.l.exists(b, b == a)).size()').join(' + ');
  const stages = (count: number) => {
    const each = Array.from(
      { length: count },
      (_, index) => `  s${index}: { uses: echo, with: { any: ${x(costly)} } }`,
    );
    return `pipeline: a\ninputs: { l: { type: list, of: { type: number }, default: [${numbers}] } }\nstages:\n${each.join('\n')}\n`;
  };

  it('may each be costly, and not all together', () => {
    expect(stageOf(planOf(stages(2)), 's1').with).toEqual({ any: 8 * numbers.length });
    expect(() => planOf(stages(40))).toThrow('all expressions of a plan may take together');
  });
});
