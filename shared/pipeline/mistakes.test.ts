import { describe, expect, it } from 'vitest';
import { problemsOf, published } from '../../test/support/language.ts';

/** Written in parts, because a linter takes the whole for a template string. */
const bare = (cel: string): string => `\${{ ${cel} }}`;
const x = (cel: string): string => `'${bare(cel)}'`;

const templates = published(
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
    'an expression for a number',
    stages(`a: { uses: roll, targets: { names: [jp], max-parallel: ${x('1 + 1')} } }`),
    [
      '3:58  stages.a.targets.max-parallel  cannot have an expression: it is read before anything that an expression names is known',
    ],
  ],
  [
    'an expression for text that cannot have one',
    stages(`a: { uses: echo, timeout: ${x('inputs.t')} }`),
    ['3:29  stages.a.timeout  cannot have an expression: it is read before anything that an expression names is known'],
  ],
  [
    'an expression for the team',
    fields(`team: ${x('pipeline.name')}`),
    ['2:7  team  cannot have an expression: it is read before anything that an expression names is known'],
  ],
  [
    'an expression for a limit',
    fields(`concurrency: { limit: ${x('1 + 1')} }`),
    [
      '2:23  concurrency.limit  cannot have an expression: it is read before anything that an expression names is known',
    ],
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
    'an expression without an end',
    stages(`a: { uses: echo, with: { text: "\${{ 1 + 1" } }`),
    [`3:35  \${{ has no end: "}}" is missing`],
  ],
  ['an empty expression', text(''), [`4:48  \${{ }}: is empty`]],
  ['an expression that is none', text('1 +'), [`4:53  \${{ 1 + }}: is not an expression: it ends too soon`]],
  [
    'a name that does not exist',
    text('env.HOME'),
    [
      `4:49  \${{ env.HOME }}: "env": nothing is called so here; what can be named is inputs, trigger, images, pipeline, target, stages, execution`,
    ],
  ],
  [
    'a name in an expression that is nearly right',
    text('stage.a.text'),
    [`4:49  \${{ stage.a.text }}: "stage": nothing is called so here; did you mean "stages"?`],
  ],
  [
    'a stage that does not exist',
    text('stages.aa.text'),
    [`4:49  \${{ stages.aa.text }}: no stage "aa"; did you mean "a"?`],
  ],
  [
    'a stage that does not come before',
    text('stages.c.text'),
    [`4:49  \${{ stages.c.text }}: stage c does not come before; name it under needs of this stage`],
  ],
  [
    'itself',
    text('stages.b.text'),
    [`4:49  \${{ stages.b.text }}: b is this stage itself; its outputs are known when it has ended`],
  ],
  [
    'an output that does not exist',
    text('stages.a.txt'),
    [`4:49  \${{ stages.a.txt }}: a has outputs text, count, ok, any; not txt`],
  ],
  [
    'an output of a wrong type',
    text('stages.a.count'),
    [`4:45  \${{ stages.a.count }} gives a number; text is wanted here`],
  ],
  [
    'a sum of text and a number',
    text('stages.a.text + 1'),
    [
      `4:49  \${{ stages.a.text + 1 }}: "+" does not take text and a number; string(…) makes text of a number, double(…) a number of text`,
    ],
  ],
  [
    'a comparison of two types',
    stages('a: { uses: echo }', `b: { needs: a, uses: echo, if: ${x('stages.a.count == "1"')} }`),
    [
      `4:39  \${{ stages.a.count == "1" }}: a number and text are never equal; string(…) makes text of a number, double(…) a number of text`,
    ],
  ],
  [
    'a condition that is a number',
    stages('a: { uses: echo }', `b: { needs: a, uses: echo, if: ${x('stages.a.count')} }`),
    [`4:35  \${{ stages.a.count }} gives a number; true or false is wanted here`],
  ],
  [
    'a list inside text',
    stages(`a: { uses: echo, with: { text: "a ${bare('[1, 2]')}" } }`),
    [`3:40  \${{ [1, 2] }}: gives a list of numbers, which cannot stand inside text`],
  ],
  [
    'a function that does not exist',
    text('upper("a")'),
    [
      `4:49  \${{ upper("a") }}: "upper": no such function; the functions are size, string, int, double, bool, has, timestamp, duration`,
    ],
  ],
  [
    'a method that does not exist',
    text('"a".upperAscci()'),
    [`4:49  \${{ "a".upperAscci() }}: "upperAscci": no value has a method of this name; did you mean "upperAscii"?`],
  ],
  [
    'the target where there is none',
    text('target.name'),
    [
      `4:49  \${{ target.name }}: "target" cannot be reached here, where the stage has no target; what can be is inputs, pipeline, images, trigger, execution, stages`,
    ],
  ],
  [
    'a label of the target before it is chosen',
    stages(`a: { uses: roll, targets: [${x('target.name')}] }`),
    [
      `3:35  \${{ target.name }}: "target" cannot be reached here, where targets are chosen; what can be is inputs, pipeline, images, trigger`,
    ],
  ],
  [
    'a stage before anything has run',
    fields(`concurrency: { group: ${x('stages.a.text')} }`),
    [
      `2:28  \${{ stages.a.text }}: "stages" cannot be reached here, where no stage has run yet; what can be is inputs, pipeline, images, trigger`,
    ],
  ],
  [
    'an image that does not exist',
    text('images.api'),
    [`4:49  \${{ images.api }}: there is no image "api" under images`],
  ],
  [
    'a field of the pipeline that does not exist',
    text('pipeline.nam'),
    [`4:49  \${{ pipeline.nam }}: pipeline has no "nam"; did you mean "name"?`],
  ],
  [
    'the second expression in a text',
    stages(`a: { uses: echo, with: { text: "${bare('pipeline.name')}-${bare('pipeline.nme')}" } }`),
    [`3:60  \${{ pipeline.nme }}: pipeline has no "nme"; did you mean "name"?`],
  ],
  [
    'an expression behind escapes',
    stages(`a: { uses: echo, with: { text: "\\t\\u00e9 \\"\${{ nope }}" } }`),
    [
      `3:50  \${{ nope }}: "nope": nothing is called so here; what can be named is inputs, trigger, images, pipeline, target, stages, execution`,
    ],
  ],
  [
    'an expression in a block of text',
    `pipeline: p\nstages:\n  a:\n    uses: echo\n    with:\n      text: |\n        first\n          second ${bare('nope')}\n`,
    [
      `8:22  \${{ nope }}: "nope": nothing is called so here; what can be named is inputs, trigger, images, pipeline, target, stages, execution`,
    ],
  ],
  [
    'an output of a target that is not there',
    stages(
      'a: { uses: roll, targets: [jp, us] }',
      `b: { needs: a, uses: echo, with: { text: ${x('stages.a.uk.version')} } }`,
    ),
    [`4:49  \${{ stages.a.uk.version }}: a runs on jp, us, and has outputs for each: stages.a.jp`],
  ],
  [
    'an output of several targets without one',
    stages(
      'a: { uses: roll, targets: [jp, us] }',
      `b: { needs: a, uses: echo, with: { text: ${x('stages.a.version')} } }`,
    ),
    [`4:49  \${{ stages.a.version }}: a runs on jp, us, and has outputs for each: stages.a.jp`],
  ],
  [
    'a template that does not exist',
    stages('a: { uses: relase@2, target: jp }'),
    ['3:14  stages.a.uses  "relase": no such template; did you mean "release"?'],
  ],
  [
    'a template without a version',
    stages('a: { uses: release, target: jp }'),
    ['3:14  stages.a.uses  "release": no such stage kind; a template is used with a version: release@1'],
  ],
  [
    'a version that does not exist',
    stages('a: { uses: release@4, target: jp }'),
    ['3:14  stages.a.uses  no version of release fits "4"; there are 2.1.0, 3.0.0'],
  ],
  [
    'a version that is none',
    stages('a: { uses: release@latest, target: jp }'),
    ['3:14  stages.a.uses  "latest" is not a range of versions; write one as in release@2 or release@^2.1.0'],
  ],
  [
    'two versions of a template',
    stages('a: { uses: release@3 }', 'b: { uses: release@2, target: jp, with: { image: a } }'),
    [
      '4:14  stages.b.uses  leads to release@2.1.0, and an earlier stage to release@3.0.0; a pipeline uses one version of a template',
    ],
  ],
  [
    'a template without a target',
    stages('a: { uses: release@2, with: { image: a } }'),
    ['3:3  stages.a  uses release@2.1.0, which needs a target or targets'],
  ],
  ['an input of the template that is missing', use('size: 1'), ['3:43  stages.r.with.image  is missing (The image)']],
  [
    'an input of the template that does not exist',
    use('image: a, sise: 1'),
    ['3:55  stages.r.with.sise  is not an input of release@2.1.0; did you mean "size"?'],
  ],
  [
    'an input of the template beyond its limit',
    use('image: a, size: 10'),
    ['3:61  stages.r.with.size  must be at most 9, not 10'],
  ],
  [
    'an input of the template that is no choice',
    use('image: a, tier: wep'),
    ['3:61  stages.r.with.tier  must be one of web, batch, not "wep"; did you mean "web"?'],
  ],
  [
    'an input of the template that is too long',
    use('image: a, names: [a, b, c]'),
    ['3:62  stages.r.with.names  must have at most 2 entries, not 3'],
  ],
  [
    'a field of an input that does not exist',
    use('image: a, box: { b: true }'),
    ['3:62  stages.r.with.box.b  is not a field; did you mean "a"?'],
  ],
  [
    'an expression of a wrong type for an input',
    use(`image: ${x('1 + 1')}`),
    [`3:53  \${{ 1 + 1 }} gives a number; text is wanted here`],
  ],
  [
    'an output of the template that does not exist',
    stages(
      'r: { uses: release@2, target: jp, with: { image: a } }',
      `b: { needs: r, uses: echo, with: { text: ${x('stages.r.verson')} } }`,
    ),
    [`4:49  \${{ stages.r.verson }}: r has outputs version; not verson`],
  ],
  [
    'a place that does not exist',
    stages('r: { uses: release@2, target: jp, with: { image: a }, insert: { aftr: { s: { uses: echo } } } }'),
    ['3:67  stages.r.insert.aftr  is not a place of release@2.1.0; did you mean "after"?'],
  ],
  [
    'an inserted stage that is there already',
    stages('r: { uses: release@2, target: jp, with: { image: a }, insert: { after: { probe: { uses: echo } } } }'),
    ['3:76  stages.r.insert.after.probe  is the id of a stage in release@2.1.0 already; take another'],
  ],
  [
    'an inserted stage that has targets',
    stages(
      'r: { uses: release@2, target: jp, with: { image: a }, insert: { after: { s: { uses: roll, targets: [us] } } } }',
    ),
    ['3:93  stages.r.insert.after.s.targets  is not a field of an inserted stage; did you mean "target"?'],
  ],
  [
    'a change of what is protected',
    stages('r: { uses: release@2, target: jp, with: { image: a }, override: { deploy: { timeout: 1m } } }'),
    ['3:69  stages.r.override.deploy  is protected by release@2.1.0; ask platform, who publishes it'],
  ],
  [
    'a change of what is not there',
    stages('r: { uses: release@2, target: jp, with: { image: a }, override: { prob: { timeout: 1m } } }'),
    ['3:69  stages.r.override.prob  is not a stage of release@2.1.0; did you mean "probe"?'],
  ],
  [
    'notifications although they are protected',
    `pipeline: p\nnotify: [{ slack: "#a" }]\n${stages('r: { uses: release@2, target: jp, with: { image: a } }').slice(12)}`,
    ['2:1  notify  is protected by release@2.1.0, which stage r uses; leave it out'],
  ],
  [
    'insertions where there is no template',
    stages('a: { uses: echo, insert: { after: {} } }'),
    ['3:20  stages.a.insert  has no meaning for echo, which is no template'],
  ],
  [
    'attempts of a whole template',
    stages('r: { uses: release@2, target: jp, with: { image: a }, retry: { attempts: 2 } }'),
    [
      '3:57  stages.r.retry  has no meaning for a template; say it for one of its stages: override: { deploy: { retry: … } }',
    ],
  ],
  [
    'a template without a version of its own',
    `template: t\nowner: platform\n${ECHO}`,
    [
      '1:1  version  is missing (its version, by the rules of semantic versioning: a breaking change has a new first number)',
    ],
  ],
  [
    'a template whose version is none',
    `template: t\nversion: "2"\nowner: platform\n${ECHO}`,
    ['2:10  version  must be a semantic version, as in 2.1.0, not "2"'],
  ],
  [
    'an output that is no expression',
    template(`outputs: { v: { value: fixed } }\n${ECHO}`),
    [`4:24  outputs.v.value  must be an expression, as in "\${{ stages.deploy.images }}"`],
  ],
  [
    'an output of a stage that is not there',
    template(`outputs: { v: { value: ${x('stages.b.text')} } }\n${ECHO}`),
    [`4:29  \${{ stages.b.text }}: no stage "b"; did you mean "a"?`],
  ],
  [
    'a place at a stage that is not there',
    template(`places: { here: { before: b } }\n${ECHO}`),
    ['4:27  places.here.before  "b": no such stage in this template; did you mean "a"?'],
  ],
  [
    'a place of no kind',
    template(`places: { here: { at: a } }\n${ECHO}`),
    ['4:19  places.here.at  is not a field of a place; its fields are before, after, replace'],
  ],
  [
    'a place where its outputs would be lost',
    template(`places: { here: { replace: a } }\noutputs: { v: { value: ${x('stages.a.text')} } }\n${ECHO}`),
    ['4:28  places.here.replace  "a" cannot be replaced, because its outputs are used in this template'],
  ],
  [
    'protection of what is not there',
    template(`protected: [b]\n${ECHO}`),
    ['4:13  protected[0]  "b": nothing in this template is called so; did you mean "a"?'],
  ],
  [
    'a template that uses itself',
    template('stages: { a: { uses: t@1 } }\n'),
    ['4:22  stages.a.uses  is this template itself'],
  ],
  [
    'a pipeline and a template in one',
    `pipeline: p\ntemplate: t\n${ECHO}`,
    ['2:1  template  stands beside "pipeline"; a document has one of the two, and a line with "---" divides documents'],
  ],
  [
    'malformed YAML',
    'pipeline: p\nstages: [1, 2\nb: 3\n',
    ['3:1  is not YAML: flow sequence in block collection must be sufficiently indented and end with a ]'],
  ],
  [
    'an expression without quotes',
    `pipeline: p\nstages:\n  a: { uses: echo, with: { text: ${bare('1')} } }\n`,
    [`3:35  is not YAML: unexpected flow-map-start at node end; put text with \${{ }} in quotes`],
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

describe('each mistake is told with its place, and nothing else is:', () => {
  it.each(MISTAKES)('%s', (_what, file, expected) => {
    expect(problemsOf(file, templates)).toEqual(expected);
  });

  it('there are many of them, no two alike', () => {
    expect(new Set(MISTAKES.map(([, file]) => file)).size).toBe(MISTAKES.length);
    expect(MISTAKES.length).toBeGreaterThan(100);
  });
});

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
