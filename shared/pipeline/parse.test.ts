import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { StageKind } from '../stages/kind.ts';
import { wait } from '../stages/wait/index.ts';
import { webhook } from '../stages/webhook/index.ts';
import { MAXIMUM_PIPELINE_FILE_BYTES, parsePipelines, readDefinition } from './parse.ts';
import { formatProblems } from './problem.ts';

const nothing = async (): Promise<never> => {
  throw new Error('never run here');
};
/** A kind with the needs of `deploy`, and parameters deep enough to err in. */
const deploy: StageKind = {
  kind: 'deploy',
  description: 'Delivers.',
  target: 'required',
  manifests: 'required',
  with: z.strictObject({
    prune: z.boolean().default(false),
    steps: z.array(z.strictObject({ weight: z.int().min(0).max(100), wait: z.string().optional() })).optional(),
  }),
  cursor: z.unknown(),
  outputs: z.unknown(),
  step: nothing,
  stop: nothing,
};
const kinds: ReadonlyMap<string, StageKind> = new Map<string, StageKind>([
  ['deploy', deploy],
  ['wait', wait],
  ['webhook', webhook],
]);

const parse = (text: string) => parsePipelines({ file: 'gennaker.yaml', text, kinds });
function problems(text: string): string[] {
  const parsed = parse(text);
  return 'problems' in parsed
    ? parsed.problems.map(({ line, column, message }) => `${line}:${column}  ${message}`)
    : [];
}

const WHOLE = `# yaml-language-server: $schema=./gennaker.schema.json
pipeline: items-api
team: items
images:
  api: { repository: asia-northeast1-docker.pkg.dev/acme/items/items-api, semver: ">=1.0.0" }
on:
  - push: api
manifests: { files: ["k8s/*.yaml"] }
concurrency: { limit: 2, when-busy: queue }
notify:
  - slack: "#items-deploys"
    when: [started, failed]
  - pubsub: items-events
timeout: 2h
defaults: { retry: { attempts: 2 } }
stages:
  jp:
    uses: deploy
    target: jp
    with: { steps: [{ weight: 5 }] }
  pause:
    needs: jp
    uses: wait
    with: { for: 70m }
  rest:
    needs: [pause]
    uses: deploy
    targets: [us, uk]
    if: true
    timeout: 30m
    retry: { attempts: 3, back-off: 20s }
    on-failure: { then: continue, others: finish }
`;

describe('parsePipelines', () => {
  it('gives the checked definition in the words of the file, with the defaults of the language', () => {
    const parsed = parse(WHOLE);
    expect(parsed).toMatchObject({
      pipelines: [
        {
          pipeline: 'items-api',
          team: 'items',
          concurrency: { limit: 2, 'when-busy': 'queue' },
          stages: {
            jp: { uses: 'deploy', needs: [], with: { steps: [{ weight: 5 }] } },
            pause: { needs: ['jp'], with: { for: '70m' } },
            rest: { needs: ['pause'], targets: ['us', 'uk'], timeout: '30m' },
          },
        },
      ],
    });
  });

  it('gives definitions that are stored and read back as they are', () => {
    const parsed = parse(WHOLE);
    const [definition] = 'pipelines' in parsed ? parsed.pipelines : [];
    expect(readDefinition(JSON.parse(JSON.stringify(definition)))).toEqual(definition);
    expect(() => readDefinition({ ...definition, stages: {} })).toThrow(/apply the pipeline again/);
  });

  it('reads several pipelines from one file, and skips empty documents', () => {
    const one = (name: string) => `pipeline: ${name}\nstages: { a: { uses: wait, with: { for: 1s } } }\n`;
    const parsed = parse(`---\n${one('first')}---\n---\n${one('second')}---\n`);
    expect('pipelines' in parsed && parsed.pipelines.map(({ pipeline }) => pipeline)).toEqual(['first', 'second']);
    expect(problems(`${one('same')}---\n${one('same')}`)).toEqual([
      '4:11  pipeline  "same" is the name of an earlier pipeline in this file',
    ]);
  });

  it('tells everything that is wrong at once, by place', () => {
    const text = `pipeline: items-api
imagess: {}
on: [{ push: api }]
stages:
  canary_jp:
    uses: deploy
    target: jp
    with:
      stpes: [{ weight: 5 }]
  approve: { uses: wait, with: { for: 1h } }
  rest:
    needs: aprove
    uses: depoly
    target: us
`;
    expect(problems(text)).toEqual([
      '2:1  imagess  is not a field of a pipeline; did you mean "images"?',
      '3:14  on[0].push  "api": no such image under images',
      '5:3  stages.canary_jp  uses deploy, but the pipeline has no manifests; name them as in manifests: { files: ["k8s/*.yaml"] }',
      '9:7  stages.canary_jp.with.stpes  is not a field of deploy; did you mean "steps"?',
      '12:12  needs "aprove": no such stage; did you mean "approve"?',
      '13:11  stages.rest.uses  "depoly": no such stage kind; did you mean "deploy"?',
    ]);
  });
});

const PIPELINE = 'pipeline: p\nmanifests: { files: [a.yaml] }\n';
const STAGES = 'stages: { a: { uses: wait, with: { for: 1s } } }\n';
const stage = (fields: string) => `${PIPELINE}stages:\n  a: { ${fields} }\n`;
const image = (fields: string) => `${PIPELINE}images:\n  api: { ${fields} }\n${STAGES}`;

describe('each mistake has its sentence and its place:', () => {
  it.each([
    ['no pipeline', '# nothing here\n', ['1:1  the file has no pipeline; one begins with "pipeline: NAME"']],
    ['not a map', '- a\n', ['1:1  must be a map, not a list']],
    ['no name', STAGES, ['1:1  pipeline  is missing (the name of the pipeline)']],
    ['no stages', 'pipeline: p\n', ['1:1  stages  is missing (the work, by stage id)']],
    ['no stage', 'pipeline: p\nstages: {}\n', ['2:9  stages  has no stage; there must be at least one']],
    [
      'a bad name',
      `pipeline: Items_API\n${STAGES}`,
      ['1:11  pipeline  must be lower-case letters, digits and "-", as in items-api, not "Items_API"'],
    ],
    [
      'a number as a name',
      `pipeline: 12\n${STAGES}`,
      ['1:11  pipeline  must be text, not the number 12; write it in quotes: "12"'],
    ],
    [
      'a tag that YAML reads as a number',
      image('repository: pkg.dev/a/b, tag: 1.10'),
      ['4:40  images.api.tag  must be text, not the number 1.1; write it in quotes: "1.10"'],
    ],
    [
      'two filters',
      image('repository: pkg.dev/a/b, tag: a, semver: "1"'),
      ['4:8  images.api  takes exactly one of tag, semver and regex, not 2'],
    ],
    [
      'no filter',
      image('repository: pkg.dev/a/b'),
      ['4:8  images.api  takes exactly one of tag, semver and regex, not none'],
    ],
    [
      'a tag in the repository',
      image('repository: "pkg.dev/a/b:1", tag: a'),
      ['4:22  images.api.repository  must not carry a tag or digest: "pkg.dev/a/b:1"'],
    ],
    [
      'a bad range',
      image('repository: pkg.dev/a/b, semver: newest'),
      ['4:43  images.api.semver  must be a range of versions such as ">=1.0.0 <2.0.0", not "newest"'],
    ],
    [
      'a bad regular expression',
      image('repository: pkg.dev/a/b, regex: "("'),
      [
        '4:42  images.api.regex  is not a regular expression that RE2 knows: error parsing regexp: missing closing ): `(`',
      ],
    ],
    [
      'an unknown trigger',
      `${PIPELINE}${STAGES}on: [{ pushh: api }]\n`,
      ['4:8  on[0].pushh  is not a field of a trigger; did you mean "push"?'],
    ],
    [
      'an unknown channel',
      `${PIPELINE}${STAGES}notify: [{ slak: "#a" }]\n`,
      ['4:12  notify[0].slak  is not a field of a notification; did you mean "slack"?'],
    ],
    [
      'a bad channel',
      `${PIPELINE}${STAGES}notify: [{ slack: deploys }]\n`,
      ['4:19  notify[0].slack  must be a Slack channel, as in "#items-deploys", not "deploys"'],
    ],
    [
      'an unknown moment',
      `${PIPELINE}${STAGES}notify: [{ slack: "#a", when: [strated] }]\n`,
      [
        '4:32  notify[0].when[0]  must be one of started, waiting, succeeded, failed, cancelled, not "strated"; did you mean "started"?',
      ],
    ],
    [
      'too large a limit',
      `${PIPELINE}${STAGES}concurrency: { limit: 101 }\n`,
      ['4:23  concurrency.limit  must be at most 100, not 101'],
    ],
    [
      'a limit in parts',
      `${PIPELINE}${STAGES}concurrency: { limit: 1.5 }\n`,
      ['4:23  concurrency.limit  must be a whole number, not the number 1.5'],
    ],
    [
      'an unknown policy',
      `${PIPELINE}${STAGES}concurrency: { when-busy: cancel }\n`,
      ['4:27  concurrency.when-busy  must be one of newest, queue, cancel-running, skip, not "cancel"'],
    ],
    [
      'a bound of a queue that there is not',
      `${PIPELINE}${STAGES}concurrency: { when-busy: newest, queue: 5 }\n`,
      ['4:42  concurrency.queue  has no meaning with when-busy: newest; it bounds when-busy: queue'],
    ],
    [
      'a bound of starts that lets none be',
      `${PIPELINE}${STAGES}concurrency: { starts: { limit: 0, within: 30s } }\n`,
      [
        '4:33  concurrency.starts.limit  must be at least 1, not 0',
        '4:44  concurrency.starts.within  must be from 1m to 1d, not 30s',
      ],
    ],
    [
      'a bad duration',
      `${PIPELINE}${STAGES}timeout: 2 hours\n`,
      ['4:10  timeout  must be a duration such as 30s, 10m, 24h or 1h30m, not "2 hours"'],
    ],
    ['too long a duration', `${PIPELINE}${STAGES}timeout: 31d\n`, ['4:10  timeout  must be from 1s to 30d, not 31d']],
    [
      'a bad stage id',
      `${PIPELINE}stages: { Roll-Out: { uses: wait } }\n`,
      [
        '3:11  stages.Roll-Out  must be a stage id: a lower-case letter, then lower-case letters, digits and "_", not "Roll-Out"',
        '3:21  stages.Roll-Out.with  takes exactly one of for, until and windows, not none',
      ],
    ],
    [
      'no kind',
      stage('with: {}'),
      [
        '4:6  stages.a.uses  is missing (the kind of the stage, or a template and the versions of it that will do: microservice@2)',
      ],
    ],
    [
      'an unknown kind, far from all',
      stage('uses: teleport'),
      ['4:14  stages.a.uses  "teleport": no such stage kind; the kinds are deploy, wait, webhook'],
    ],
    ['no target', stage('uses: deploy'), ['4:3  stages.a  uses deploy, which needs a target or targets']],
    [
      'a target without meaning',
      stage('uses: wait, target: jp, with: { for: 1s }'),
      ['4:20  stages.a.target  has no meaning for wait, which touches no cluster'],
    ],
    [
      'target and targets',
      stage('uses: deploy, target: jp, targets: [us]'),
      ['4:34  stages.a.targets  stands beside target; give one of the two'],
    ],
    [
      'a target twice',
      stage('uses: deploy, targets: [us, us]'),
      ['4:36  stages.a.targets[1]  names the target "us" twice'],
    ],
    [
      'a bad target',
      stage('uses: deploy, target: US_1'),
      ['4:30  stages.a.target  must be the name of a target: lower-case letters, digits and "-", not "US_1"'],
    ],
    ['a list as with', stage('uses: wait, with: []'), ['4:26  stages.a.with  must be a map, not a list']],
    [
      'nothing as with',
      `${PIPELINE}stages:\n  a:\n    uses: wait\n    with:\n`,
      ['6:10  stages.a.with  must be a map, but nothing is given'],
    ],
    [
      'deep inside with',
      stage('uses: deploy, target: jp, with: { steps: [{ weight: 5, wieght: 6 }] }'),
      ['4:63  stages.a.with.steps[0].wieght  is not a field of with.steps[0]; did you mean "weight"?'],
    ],
    [
      'a number that is too big, deep inside',
      stage('uses: deploy, target: jp, with: { steps: [{ weight: 500 }] }'),
      ['4:60  stages.a.with.steps[0].weight  must be at most 100, not 500'],
    ],
    [
      'needs of a wrong type',
      stage('uses: wait, with: { for: 1s }, needs: 5'),
      ['4:46  stages.a.needs  must be text or a list, not the number 5'],
    ],
    [
      'needs twice',
      `${PIPELINE}stages: { a: { uses: wait, with: { for: 1s } }, b: { uses: wait, with: { for: 1s }, needs: [a, a] } }\n`,
      ['3:96  needs "a" twice'],
    ],
    [
      'needs itself',
      stage('uses: wait, with: { for: 1s }, needs: a'),
      ['4:46  stages.a.needs  closes a cycle: a needs a'],
    ],
    [
      'a timeout shorter than the wait',
      stage('uses: wait, with: { for: 2h }, timeout: 1h'),
      ['4:48  stages.a.timeout  is 1h, but the stage takes at least 2h'],
    ],
    [
      'a wait longer than the pipeline',
      stage('uses: wait, with: { for: 24h }'),
      ["4:3  stages.a  takes at least 1d, but the pipeline's timeout is 24h; give the pipeline a longer one"],
    ],
    ['a key twice', `pipeline: p\nteam: a\nteam: b\n${STAGES}`, ['3:1  team  is given twice']],
    ['a key twice inside', stage('uses: wait, uses: wait, with: { for: 1s }'), ['4:20  stages.a.uses  is given twice']],
    ['a key that is no text', `pipeline: p\n? [a, b]\n: 1\n${STAGES}`, ['2:3  has a key that is not text']],
    [
      'malformed YAML',
      'pipeline: p\nstages: [1, 2\nb: 3\n',
      ['3:1  is not YAML: flow sequence in block collection must be sufficiently indented and end with a ]'],
    ],
    ['a tab', 'pipeline: p\nstages:\n\ta: 1\n', ['3:1  is not YAML: tabs are not allowed as indentation']],
    ['an unknown anchor', `pipeline: *name\n${STAGES}`, ['1:11  no anchor "name" stands before this alias']],
    ['a prototype', `pipeline: p\n__proto__: { team: x }\n${STAGES}`, ['2:1  __proto__  cannot be used as a name']],
  ])('%s', (_what, text, expected) => {
    expect(problems(text)).toEqual(expected);
  });

  it('each cycle, by the names of its stages', () => {
    const text = `${PIPELINE}stages:
  a: { uses: wait, with: { for: 1s }, needs: c }
  b: { uses: wait, with: { for: 1s }, needs: a }
  c: { uses: wait, with: { for: 1s }, needs: [b, d] }
  d: { uses: wait, with: { for: 1s }, needs: d }
`;
    expect(problems(text)).toEqual([
      '5:46  stages.b.needs  closes a cycle: a needs c needs b needs a',
      '7:46  stages.d.needs  closes a cycle: d needs d',
    ]);
  });

  it('stage ids that every object has are names like any other', () => {
    const text = `${PIPELINE}stages:\n  a: { uses: wait, with: { for: 1s }, needs: constructor }\n`;
    expect(problems(text)).toEqual(['4:46  needs "constructor": no such stage']);
    const own = `${PIPELINE}stages:\n  a: { uses: wait, with: { for: 1s }, needs: constructor }\n  constructor: { uses: wait, with: { for: 1s } }\n`;
    expect(problems(own)).toEqual([]);
  });

  it('formatProblems closes with the count', () => {
    const parsed = parse('pipeline: p\n');
    expect('problems' in parsed ? formatProblems(parsed.problems) : '').toBe(
      'gennaker.yaml:1:1  stages  is missing (the work, by stage id)\n1 problem in 1 file.',
    );
  });
});

describe('hostile files are refused soon:', () => {
  const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]'];
  for (const [index, name] of [...'bcdefghij'].entries()) {
    const before = `*${'abcdefghi'[index]}`;
    bomb.push(`${name}: &${name} [${Array.from({ length: 9 }, () => before).join(', ')}]`);
  }

  it.each([
    [
      'a large file',
      'x'.repeat(MAXIMUM_PIPELINE_FILE_BYTES + 1),
      /^1:1 {2}the file has 262145 bytes; at most 262144 are read$/,
    ],
    ['a bomb of aliases', bomb.join('\n'), /more than 20000 values, aliases expanded$/],
    ['an alias to itself', `pipeline: p\nstages: &s { a: *s }\n`, /nested too deeply; at most 40 levels/],
    ['deep lists', `pipeline: ${'['.repeat(200_000)}`, /nested too deeply; at most 40 levels/],
    ['deep compact lists', `${'- '.repeat(100_000)}a`, /nested too deeply; at most 40 levels/],
    ['closed deep maps', `a: ${'{a: '.repeat(60)}1${'}'.repeat(60)}`, /nested too deeply; at most 40 levels/],
    ['many values', `a: [${'1,'.repeat(100_000)}]`, /more than 20000 values/],
    ['many documents', '--- a\n'.repeat(300), /the file has 300 documents; at most 200 are read/],
    [
      'many unknown fields',
      Array.from({ length: 15_000 }, (_, index) => `key_${index}: 1`).join('\n'),
      /is not a field of a pipeline/,
    ],
    [
      'many stages',
      `pipeline: p\nstages:\n  a: 1\n${Array.from({ length: 1000 }, (_, index) => `  s${index}: { uses: x, needs: y }`).join('\n')}`,
      /has 1001 stages; at most 400 are allowed/,
    ],
  ])('%s', (_what, text, expected) => {
    const found = problems(text);
    expect(
      found.some((problem) => expected.test(problem)),
      found.slice(0, 5).join('\n'),
    ).toBe(true);
    expect(found.length).toBeLessThanOrEqual(500);
  });
});
