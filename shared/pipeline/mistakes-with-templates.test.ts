import { ECHO, itTellsEach, type Mistake, stages, x } from '../../test/support/mistakes.ts';

const use = (given: string): string => stages(`r: { uses: release@2, target: jp, with: { ${given} } }`);
const template = (lines: string): string => `template: t\nversion: 1.0.0\nowner: platform\n${lines}`;

const MISTAKES: readonly Mistake[] = [
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
];

itTellsEach(MISTAKES);
