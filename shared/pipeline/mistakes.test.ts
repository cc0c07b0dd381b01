import { expect, it } from 'vitest';
import { problemsOf } from '../../test/support/language.ts';
import { bare, ECHO, fields, itTellsEach, type Mistake, stages, templates, x } from '../../test/support/mistakes.ts';

const inputs = (declared: string): string => fields(`inputs: { size: ${declared} }`);

const MISTAKES: readonly Mistake[] = [
  ['no name', ECHO, ['1:1  pipeline  is missing (the name of the pipeline)']],
  ['no stages', 'pipeline: p\n', ['1:1  stages  is missing (the work, by stage id)']],
  ['an empty file', '# nothing\n', ['1:1  the file has no pipeline; one begins with "pipeline: NAME"']],
  ['a list for a file', '- a\n', ['1:1  must be a map, not a list']],
  [
    'a field that does not exist',
    fields('stage: {}'),
    ['2:1  stage  is not a field of a pipeline; did you mean "stages"?'],
  ],
  [
    'a name with capitals',
    `pipeline: Items_API\n${ECHO}`,
    ['1:11  pipeline  must be lower-case letters, digits and "-", as in items-api, not "Items_API"'],
  ],
  [
    'a number for text',
    `pipeline: 12\n${ECHO}`,
    ['1:11  pipeline  must be text, not the number 12; write it in quotes: "12"'],
  ],
  ['a field without a value', fields('team:'), ['2:6  team  must be text, but nothing is given']],
  ['a field twice', fields('team: a', 'team: b'), ['3:1  team  is given twice']],
  [
    'a stage id with a dash',
    stages('a-b: { uses: echo }'),
    ['3:3  stages.a-b  must be a stage id: a lower-case letter, then lower-case letters, digits and "_", not "a-b"'],
  ],
  [
    'a kind that does not exist',
    stages('a: { uses: ecko }'),
    ['3:14  stages.a.uses  "ecko": no such stage kind; did you mean "echo"?'],
  ],
  [
    'a stage without a kind',
    stages('a: { with: {} }'),
    [
      '3:6  stages.a.uses  is missing (the kind of the stage, or a template and the versions of it that will do: microservice@2)',
    ],
  ],
  [
    'a field that a stage does not have',
    stages('a: { uses: echo, when: true }'),
    [
      '3:20  stages.a.when  is not a field of a stage; its fields are uses, with, needs, if, timeout, retry, on-failure, target, targets, insert, override',
    ],
  ],
  [
    'a parameter that the kind does not have',
    stages('a: { uses: echo, with: { txt: a } }'),
    ['3:28  stages.a.with.txt  is not a field of echo; did you mean "text"?'],
  ],
  [
    'a parameter of a wrong type',
    stages('a: { uses: echo, with: { count: many } }'),
    ['3:35  stages.a.with.count  must be a number, not text'],
  ],
  [
    'a parameter that is too large',
    stages('a: { uses: roll, target: jp, with: { weight: 101 } }'),
    ['3:48  stages.a.with.weight  must be at most 100, not 101'],
  ],
  [
    'a need that does not exist',
    stages('deploy: { uses: echo }', 'b: { needs: deplyo, uses: echo }'),
    ['4:15  needs "deplyo": no such stage; did you mean "deploy"?'],
  ],
  ['a need twice', stages('a: { uses: echo }', 'b: { needs: [a, a], uses: echo }'), ['4:19  needs "a" twice']],
  [
    'a cycle',
    stages('a: { needs: b, uses: echo }', 'b: { needs: a, uses: echo }'),
    ['4:15  stages.b.needs  closes a cycle: a needs b needs a'],
  ],
  ['no target', stages('a: { uses: roll }'), ['3:3  stages.a  uses roll, which needs a target or targets']],
  [
    'a target where there is no cluster',
    stages('a: { uses: echo, target: jp }'),
    ['3:20  stages.a.target  has no meaning for echo, which touches no cluster'],
  ],
  [
    'target and targets',
    stages('a: { uses: roll, target: jp, targets: [us] }'),
    ['3:32  stages.a.targets  stands beside target; give one of the two'],
  ],
  [
    'a target twice',
    stages('a: { uses: roll, targets: [jp, jp] }'),
    ['3:34  stages.a.targets[1]  names the target "jp" twice'],
  ],
  [
    'no targets',
    stages('a: { uses: roll, targets: [] }'),
    ['3:29  stages.a.targets  must have at least 1 entry, not 0'],
  ],
  [
    'a target with capitals',
    stages('a: { uses: roll, targets: [JP] }'),
    ['3:30  stages.a.targets[0]  must be the name of a target: lower-case letters, digits and "-", not "JP"'],
  ],
  [
    'targets as text',
    stages('a: { uses: roll, targets: jp }'),
    ['3:29  stages.a.targets  must be a list of targets, as in [jp, us], or an expression that gives one'],
  ],
  [
    'a field that targets do not have',
    stages('a: { uses: roll, targets: { label: { env: prod } } }'),
    ['3:31  stages.a.targets.label  is not a field of targets; did you mean "labels"?'],
  ],
  [
    'none at a time',
    stages('a: { uses: roll, targets: { names: [jp], max-parallel: 0 } }'),
    ['3:58  stages.a.targets.max-parallel  must be at least 1, not 0'],
  ],
  [
    'no manifests',
    stages('a: { uses: deploy, target: jp }'),
    [
      '3:3  stages.a  uses deploy, but the pipeline has no manifests; name them as in manifests: { files: ["k8s/*.yaml"] }',
    ],
  ],
  [
    'manifests from two places',
    fields('manifests: { files: [a.yaml], kustomize: k8s }'),
    ['2:12  manifests  takes exactly one of files, kustomize and helm, not files and kustomize'],
  ],
  [
    'manifests from elsewhere',
    fields('manifests: { kustomize: ../k8s }'),
    [
      `2:25  manifests.kustomize  "../k8s" leads out of the pipeline's folder; only what lies beside or below the pipeline file is taken`,
    ],
  ],
  [
    'a duration without a unit',
    stages('a: { uses: echo, timeout: 30 }'),
    ['3:29  stages.a.timeout  must be a duration such as 30s, 10m, 24h or 1h30m, not the number 30'],
  ],
  [
    'a duration that is too long',
    stages('a: { uses: echo, timeout: 31d }'),
    ['3:29  stages.a.timeout  must be from 1s to 30d, not 31d'],
  ],
  [
    'a wait longer than its timeout',
    stages('a: { uses: wait, with: { for: 2h }, timeout: 1h }'),
    ['3:48  stages.a.timeout  is 1h, but the stage takes at least 2h'],
  ],
  [
    'too many attempts',
    stages('a: { uses: echo, retry: { attempts: 11 } }'),
    ['3:39  stages.a.retry.attempts  must be at most 10, not 11'],
  ],
  [
    'an unknown way to fail',
    stages('a: { uses: echo, on-failure: { then: stop } }'),
    ['3:40  stages.a.on-failure.then  must be one of fail, continue, not "stop"'],
  ],
  [
    'an unknown way to undo',
    stages('a: { uses: echo, on-failure: { undo: all } }'),
    ['3:40  stages.a.on-failure.undo  must be one of none, this-target, all-targets, not "all"'],
  ],
  [
    'a condition that is text',
    stages('a: { uses: echo, if: "yes" }'),
    ['3:24  stages.a.if  must be true, false or an expression that gives one of them'],
  ],
  [
    'an image without a filter',
    fields('images: { api: { repository: ghcr.io/a/b } }'),
    ['2:16  images.api  takes exactly one of tag, semver and regex, not none'],
  ],
  [
    'an image with a tag',
    fields('images: { api: { repository: "ghcr.io/a/b:1", tag: a } }'),
    ['2:30  images.api.repository  must not carry a tag or digest: "ghcr.io/a/b:1"'],
  ],
  [
    'a tag that is a number',
    fields('images: { api: { repository: ghcr.io/a/b, tag: 1.10 } }'),
    ['2:48  images.api.tag  must be text, not the number 1.1; write it in quotes: "1.10"'],
  ],
  [
    'a range that is none',
    fields('images: { api: { repository: ghcr.io/a/b, semver: newest } }'),
    ['2:51  images.api.semver  must be a range of versions such as ">=1.0.0 <2.0.0", not "newest"'],
  ],
  [
    'a trigger of no image',
    fields('images: { api: { repository: ghcr.io/a/b, tag: a } }', 'on: [{ push: apii }]'),
    ['3:14  on[0].push  "apii": no such image under images; did you mean "api"?'],
  ],
  [
    'a trigger that does not exist',
    fields('on: [{ pusch: api }]'),
    ['2:8  on[0].pusch  is not a field of a trigger; did you mean "push"?'],
  ],
  [
    'a channel without a sign',
    fields('notify: [{ slack: deploys }]'),
    ['2:19  notify[0].slack  must be a Slack channel, as in "#items-deploys", not "deploys"'],
  ],
  [
    'a moment that does not exist',
    fields('notify: [{ slack: "#a", when: [ended] }]'),
    ['2:32  notify[0].when[0]  must be one of started, waiting, succeeded, failed, cancelled, not "ended"'],
  ],
  ['an input without a type', inputs('{ default: 1 }'), ['2:17  inputs.size.type  is missing']],
  [
    'an input of an unknown type',
    inputs('{ type: text }'),
    ['2:25  inputs.size.type  must be one of string, number, boolean, choice, list, object, not "text"'],
  ],
  [
    'an input with a bad name',
    fields('inputs: { Size: { type: number } }'),
    [
      '2:11  inputs.Size  must be a name of an input: a lower-case letter, then lower-case letters, digits and "_", not "Size"',
    ],
  ],
  [
    'an input with a default of another type',
    inputs('{ type: number, default: large }'),
    ['2:42  inputs.size.default  must be a number, not text'],
  ],
  [
    'a default beyond the limits',
    inputs('{ type: number, maximum: 3, default: 4 }'),
    ['2:54  inputs.size.default  must be at most 3, not 4'],
  ],
  [
    'a choice without choices',
    inputs('{ type: choice }'),
    ['2:17  inputs.size.choices  is missing: a choice needs the values to choose from'],
  ],
  [
    'a default that is no choice',
    inputs('{ type: choice, choices: [small, large], default: smal }'),
    ['2:67  inputs.size.default  must be one of small, large, not "smal"; did you mean "small"?'],
  ],
  [
    'choices for a number',
    inputs('{ type: number, choices: ["1"] }'),
    ['2:42  inputs.size.choices  has no meaning for type number; it is for choice'],
  ],
  [
    'an object without fields',
    inputs('{ type: object }'),
    ['2:17  inputs.size.fields  is missing: an object needs its fields'],
  ],
  [
    'a default that is never used',
    inputs('{ type: number, required: true, default: 1 }'),
    ['2:58  inputs.size.default  is never used, because the input is required; leave one of the two out'],
  ],
  [
    'a pattern that is none',
    inputs('{ type: string, pattern: "(" }'),
    ['2:42  inputs.size.pattern  is not a regular expression of RE2: ('],
  ],
  [
    'an input that nobody is there to give',
    fields(
      'inputs: { size: { type: number, required: true } }',
      'images: { api: { repository: ghcr.io/a/b, tag: a } }',
      'on: [{ push: api }]',
    ),
    [
      '2:33  inputs.size.required  is asked for in vain when on[0] starts the pipeline; give the input a default, or a value under that trigger\'s "with"',
    ],
  ],
  [
    'an input that does not exist',
    fields('inputs: { size: { type: number } }', `notify: [{ slack: ${x('inputs.sise')} }]`),
    [`3:24  \${{ inputs.sise }}: there is no input "sise"; did you mean "size"?`],
  ],
  [
    'malformed YAML',
    'pipeline: p\nstages: [1, 2\nb: 3\n',
    ['3:1  is not YAML: flow sequence in block collection must be sufficiently indented and end with a ]'],
  ],
  ['a tab', 'pipeline: p\nstages:\n\ta: 1\n', ['3:1  is not YAML: tabs are not allowed as indentation']],
  ['an anchor that is not there', `pipeline: *name\n${ECHO}`, ['1:11  no anchor "name" stands before this alias']],
  ['a key that is no text', `pipeline: p\n? [a]\n: 1\n${ECHO}`, ['2:3  has a key that is not text']],
  [
    'a name that every object has',
    `pipeline: p\n__proto__: { team: x }\n${ECHO}`,
    ['2:1  __proto__  cannot be used as a name'],
  ],
  ['a file that is too large', 'x'.repeat(262_145), ['1:1  the file has 262145 bytes; at most 262144 are read']],
  [
    'the same pipeline twice',
    `pipeline: p\n${ECHO}---\npipeline: p\n${ECHO}`,
    ['4:11  pipeline  "p" is the name of an earlier pipeline in this file'],
  ],
];

itTellsEach(MISTAKES);

it('all the mistakes of a file are told at once, by place', () => {
  const file = `pipeline: Items
imagess: {}
images:
  api: { repository: "ghcr.io/a/b:1", tag: 1.10 }
inputs:
  size: { type: numbr }
on: [{ push: apii }]
concurrency: { limit: 0 }
stages:
  first: { uses: ecko, timeout: 1 }
  second: { needs: frist, uses: echo, with: { text: ${x('inputs.sise + stages.third.text')}, cuont: 1 } }
  third: { needs: third, uses: release@2, with: { imag: a } }
---
pipeline: other
stages: { a: { uses: wait, with: { for: 1 } } }
---
template: mine
version: 1
owner: platform
stages: { b: { uses: echo, if: ${x('1 +')} } }
`;
  expect(problemsOf(file, templates)).toEqual([
    '1:11  pipeline  must be lower-case letters, digits and "-", as in items-api, not "Items"',
    '2:1  imagess  is not a field of a pipeline; did you mean "images"?',
    '4:22  images.api.repository  must not carry a tag or digest: "ghcr.io/a/b:1"',
    '4:44  images.api.tag  must be text, not the number 1.1; write it in quotes: "1.10"',
    '6:17  inputs.size.type  must be one of string, number, boolean, choice, list, object, not "numbr"; did you mean "number"?',
    '7:14  on[0].push  "apii": no such image under images; did you mean "api"?',
    '8:23  concurrency.limit  must be at least 1, not 0',
    '10:18  stages.first.uses  "ecko": no such stage kind; did you mean "echo"?',
    '10:33  stages.first.timeout  must be a duration such as 30s, 10m, 24h or 1h30m, not the number 1',
    '11:20  needs "frist": no such stage; did you mean "first"?',
    `11:58  ${bare('inputs.sise + stages.third.text')}: there is no input "sise"; did you mean "size"?`,
    `11:72  ${bare('inputs.sise + stages.third.text')}: stage third does not come before; name it under needs of this stage`,
    '11:95  stages.second.with.cuont  is not a field of echo; did you mean "count"?',
    '12:3  stages.third  uses release@2.1.0, which needs a target or targets',
    '12:19  stages.third.needs  closes a cycle: third needs third',
    '12:51  stages.third.with.imag  is not an input of release@2.1.0; did you mean "image"?',
    '15:41  stages.a.with.for  must be a duration such as 30s, 10m, 24h or 1h30m, not the number 1',
    '18:10  version  must be text, not the number 1; write it in quotes: "1"',
    `20:41  ${bare('1 +')}: is not an expression: it ends too soon`,
  ]);
});
