/** What is known before anything starts: what a pipeline inherits from its templates, and what its inputs decide. */
import { describe, expect, it } from 'vitest';
import { planOf, problemsOf, published, read } from '../../test/support/language.ts';
import { CannotSettle, settle } from './settle.ts';
import { templatesOf } from './template.ts';

/** Written in parts, because a linter takes the whole for a template string. */
const x = (cel: string): string => `"\${{ ${cel.replaceAll('"', '\\"')} }}"`;
const bare = (cel: string): string => `\${{ ${cel} }}`;

const PIPELINE = `pipeline: items-api
team: items
images: { api: { repository: ghcr.io/acme/items-api, tag: "*" } }
`;

describe('what a pipeline inherits', () => {
  const SHARED = `template: shared
version: 1.0.0
owner: platform
inputs: { channel: { type: string, default: "#all" }, image: { type: string, required: true }, source: { type: string, default: api } }
on: [{ push: ${x('inputs.source')} }]
notify: [{ slack: ${x('inputs.channel')}, when: [failed] }]
concurrency: { group: ${x('"group-" + trigger.type')}, limit: 3 }
protected: [notify]
stages: { a: { uses: echo, with: { text: ${x('inputs.image')} } } }
`;
  const shared = published(
    SHARED,
    `template: around
version: 1.0.0
owner: platform
stages: { inner: { uses: shared@1, with: { image: none, channel: "#inner" } } }
`,
  );
  const text = (given: string, more = '') =>
    `${PIPELINE}${more}stages:\n  first: { uses: echo }\n  s: { needs: first, uses: shared@1, with: { ${given} } }\n`;

  it('triggers, notifications and concurrency, with the inputs that it gives', () => {
    const given = text(`image: ${x('images.api')}, channel: "#${bare('pipeline.team')}"`);
    const [definition] = read(given, shared).pipelines;
    if (definition === undefined) throw new Error('the text has a pipeline');
    expect(settle({ definition, templates: shared, inputs: {} }).on).toEqual([{ push: 'api' }]);
    expect(planOf(given, { templates: shared, trigger: { type: 'manual' } })).toMatchObject({
      notify: [{ slack: '#items', when: ['failed'] }],
      concurrency: { group: 'group-manual', limit: 3 },
    });
  });

  it('also from a template within its template', () => {
    const given = `${PIPELINE}stages: { s: { uses: around@1 } }\n`;
    const made = planOf(given, { templates: shared, trigger: { type: 'x' } });
    expect(made.notify).toEqual([{ slack: '#inner', when: ['failed'] }]);
    expect(problemsOf(`notify: []\n${given}`, shared)).toEqual([
      '1:1  notify  is protected by shared@1.0.0, which stage s uses; leave it out',
    ]);
  });

  it('its own says instead', () => {
    const made = planOf(text('image: a', 'concurrency: { limit: 9 }\n'), { templates: shared, trigger: { type: 'x' } });
    expect(made.concurrency).toEqual({ group: 'items-api', limit: 9, whenBusy: 'newest' });
  });

  it('from inputs that only a running execution knows cannot be told', () => {
    const given = text(`image: a, channel: ${x('stages.first.text')}`);
    expect(() => planOf(given, { templates: shared, trigger: { type: 'x' } })).toThrow(
      'notify  rests on what is known only while the execution runs; it must be known before',
    );
  });

  it('from an image that it does not have is told', () => {
    expect(() => planOf(text('image: a, source: apii'), { templates: shared })).toThrow(
      'on[0].push  "apii": no such image under images; did you mean "api"?',
    );
  });
});

describe('what an input decides before anything starts', () => {
  const text = `pipeline: p
inputs: { env: { type: choice, choices: [dev, prod], required: true }, repo: { type: string, default: ghcr.io/acme/api } }
namespace: items-${bare('inputs.env')}
images: { api: { repository: ${x('inputs.repo')}, tag: ${x('inputs.env + "-*"')} } }
stages: { a: { uses: echo, with: { text: ${x('pipeline.namespace')} } } }
`;
  const [definition] = read(text).pipelines;
  if (definition === undefined) throw new Error('the text has a pipeline');
  const settled = (inputs: Parameters<typeof settle>[0]['inputs'], isOpen = false) =>
    settle({ definition, templates: templatesOf([]), inputs, isOpen });

  it('is put in', () => {
    expect(planOf(text, { inputs: { env: 'dev' } })).toMatchObject({
      namespace: 'items-dev',
      stages: [{ with: { text: 'items-dev' } }],
    });
    expect(settled({ env: 'dev' }).images.api).toEqual({ repository: 'ghcr.io/acme/api', tag: 'dev-*' });
  });

  it('stays open until somebody gives it', () => {
    expect(settled({}, true)).toMatchObject({
      namespace: 'default',
      images: { api: { tag: bare('inputs.env + "-*"') } },
      on: [],
    });
    expect(() => settled({})).toThrow(new CannotSettle(['inputs.env is missing']));
  });

  it('is held to the rules of the file', () => {
    expect(() => settled({ env: 'dev', repo: 'a:b' })).toThrow('images.api.repository  must not carry a tag or digest');
    expect(() => settled({ env: 'dev', repo: `ghcr.io/${bare('stages.a.text')}` })).toThrow(
      `images.api.repository  cannot have "\${{"`,
    );
    expect(() => settled({ env: 'test' })).toThrow('inputs.env must be one of dev, prod, not "test"');
  });
});
