import { bare, fields, itTellsEach, type Mistake, stages, x } from '../../test/support/mistakes.ts';

/** An expression at line 4, column 26, behind a stage that comes before and one that does not. */
const text = (cel: string): string =>
  stages('a: { uses: echo }', `b: { needs: a, uses: echo, with: { text: ${x(cel)} } }`, 'c: { uses: echo }');

const MISTAKES: readonly Mistake[] = [
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
    'an expression without quotes',
    `pipeline: p\nstages:\n  a: { uses: echo, with: { text: ${bare('1')} } }\n`,
    [`3:35  is not YAML: unexpected flow-map-start at node end; put text with \${{ }} in quotes`],
  ],
];

itTellsEach(MISTAKES);
