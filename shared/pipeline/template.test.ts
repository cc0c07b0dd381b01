import { describe, expect, it } from 'vitest';
import { orderOf, planOf, problemsOf, published, stageOf } from '../../test/support/language.ts';

/** Written in parts, because a linter takes the whole for a template string. */
const x = (cel: string): string => `"\${{ ${cel.replaceAll('"', '\\"')} }}"`;
const bare = (cel: string): string => `\${{ ${cel} }}`;

const RELEASE = `template: release
version: 2.1.0
owner: platform
inputs:
  image: { type: string, required: true }
  weight: { type: number, default: 50 }
  check: { type: boolean, default: true }
  labels: { type: object, fields: { tier: { type: string, default: web }, zone: { type: string, default: a } } }
  env: { type: list, of: { type: object, fields: { name: { type: string, required: true }, value: { type: string, default: none } } } }
places:
  before: { before: deploy }
  after: { after: deploy }
  instead: { replace: probe }
protected: [deploy]
outputs:
  version: { value: ${x('stages.deploy.version')} }
  address: { value: "http://${bare('pipeline.name')}.${bare('target.name')}" }
stages:
  prepare: { uses: echo, with: { text: ${x('"for " + target.name')} } }
  deploy:
    needs: prepare
    uses: roll
    with: { image: ${x('inputs.image')}, weight: ${x('inputs.weight')}, labels: ${x('inputs.labels')}, env: ${x('inputs.env')} }
  probe: { needs: deploy, uses: echo, if: ${x('inputs.check')}, with: { count: 1 }, timeout: 5m }
`;
const templates = published(RELEASE);
const PIPELINE = `pipeline: items-api
team: items
images: { api: { repository: ghcr.io/acme/items-api, tag: "*" } }
`;
const API = `ghcr.io/acme/items-api:1.2.3@sha256:${'9f3c'.repeat(16)}`;
const plan = (stages: string, more: Parameters<typeof planOf>[1] = {}) =>
  planOf(`${PIPELINE}stages:\n${stages}`, { templates, ...more });
const problems = (stages: string) => problemsOf(`${PIPELINE}stages:\n${stages}`, templates);

describe('a template in a pipeline', () => {
  it('becomes its stages, with what it was given and the exact version', () => {
    const made = plan(`  release: { uses: release@2, target: jp, with: { image: ${x('images.api')} } }\n`);
    expect(made.templates).toEqual({ release: '2.1.0' });
    expect(orderOf(made)).toEqual({
      'release.prepare': '',
      'release.deploy': 'release.prepare',
      'release.probe': 'release.deploy',
    });
    expect(stageOf(made, 'release.deploy')).toMatchObject({
      declaredAs: 'release.deploy',
      kind: 'roll',
      target: 'jp',
      template: 'release@2.1.0',
      with: { image: API, weight: 50, labels: { tier: 'web', zone: 'a' }, env: [] },
    });
    expect(stageOf(made, 'release.prepare')).toMatchObject({ with: { text: 'for jp' } });
    expect(stageOf(made, 'release.prepare')).not.toHaveProperty('target');
    expect(stageOf(made, 'release.probe')).not.toHaveProperty('skip');
  });

  it('becomes its stages once for each target; what comes after needs the ends of all', () => {
    const made = plan(`  release: { uses: release@2, targets: [jp, us], with: { image: a, check: false } }
  last: { needs: release, uses: echo, with: { text: ${x('stages.release.us.version + stages.release.jp.address')} } }\n`);
    expect(orderOf(made)).toEqual({
      'release.prepare-jp': '',
      'release.deploy-jp': 'release.prepare-jp',
      'release.probe-jp': 'release.deploy-jp',
      'release.prepare-us': '',
      'release.deploy-us': 'release.prepare-us',
      'release.probe-us': 'release.deploy-us',
      last: 'release.probe-jp release.probe-us',
    });
    expect(stageOf(made, 'release.probe-jp').skip).toBe(`its condition is false: ${bare('inputs.check')}`);
    expect(stageOf(made, 'last')).toMatchObject({
      isDynamic: true,
      with: { text: bare('stages["release.deploy-us"].version + "http://items-api.jp"') },
    });
  });

  it('is used by two stages, each with its own', () => {
    const made = plan(`  one: { uses: release@2, target: jp, with: { image: a } }
  two: { needs: one, uses: release@^2.0.0, target: us, with: { image: ${x('stages.one.version')} } }\n`);
    expect(stageOf(made, 'one.deploy').with).toMatchObject({ image: 'a' });
    expect(stageOf(made, 'two.deploy').with).toMatchObject({ image: bare('stages["one.deploy"].version') });
    expect(stageOf(made, 'two.prepare').needs).toEqual(['one.probe']);
  });

  it('takes values that are known only while it runs: whole, in an object, in a list and in text', () => {
    const made = plan(`  a: { uses: echo }
  release:
    needs: a
    uses: release@2
    target: jp
    with:
      image: repo:${bare('stages.a.count + 1')}
      labels: { zone: ${x('stages.a.text')} }
      env: [{ name: ${x('stages.a.text')} }]
      check: ${x('stages.a.ok')}\n`);
    expect(stageOf(made, 'release.deploy')).toMatchObject({
      isDynamic: true,
      with: {
        image: bare('"repo:" + string(stages["a"].count + 1)'),
        labels: bare('{"tier": "web", "zone": stages["a"].text}'),
      },
    });
    expect(stageOf(made, 'release.deploy').with).toMatchObject({
      env: bare('[{"name": stages["a"].text, "value": "none"}]'),
    });
    expect(stageOf(made, 'release.probe').if).toBe(bare('stages["a"].ok'));
  });

  it('keeps text that only looks like an expression, wherever it goes', () => {
    const evil = bare('stages.secret.text');
    const made = planOf(
      `${PIPELINE}inputs: { note: { type: string } }
stages:
  secret: { uses: echo }
  release:
    needs: secret
    uses: release@2
    target: jp
    with: { image: ${x('trigger.text')}, labels: { tier: ${x('inputs.note')}, zone: ${x('stages.secret.text')} } }
  known: { needs: secret, uses: echo, with: { text: ${x('trigger.text')} } }
  mixed: { needs: secret, uses: echo, with: { text: "said ${bare('trigger.text')}", any: [${x('inputs')}, ${x('stages.secret.count')}] } }
`,
      { templates, inputs: { note: evil }, trigger: { text: evil } },
    );
    const literal = `"${evil}"`;
    expect(stageOf(made, 'known')).toMatchObject({ with: { text: evil } });
    expect(stageOf(made, 'known')).not.toHaveProperty('isDynamic');
    expect(stageOf(made, 'release.deploy').with).toMatchObject({
      image: bare(literal),
      labels: bare(`{"tier": ${literal}, "zone": stages["secret"].text}`),
    });
    expect(stageOf(made, 'mixed').with).toEqual({
      text: bare(`"said ${evil}"`),
      any: [{ note: bare(literal) }, bare('stages["secret"].count')],
    });
  });

  it('holds text that looks like an expression to the rules of its inputs', () => {
    const strict = published(`template: strict
version: 1.0.0
owner: platform
inputs: { name: { type: string, pattern: "[a-z]+" }, box: { type: object, fields: { name: { type: string, pattern: "[a-z]+" }, other: { type: string } } } }
stages: { a: { uses: echo, with: { text: ${x('inputs.name + inputs.box.name')} } } }
`);
    const text = (given: string) =>
      `pipeline: p\nstages:\n  s: { uses: echo }\n  a: { needs: s, uses: strict@1, with: { ${given} } }\n`;
    const trigger = { text: bare('stages.s.text') };
    const where = (name: string) => `stages.a.with.${name}  "${trigger.text}" does not match the pattern [a-z]+`;
    expect(() => planOf(text(`name: ${x('trigger.text')}`), { templates: strict, trigger })).toThrow(where('name'));
    const partly = text(`box: { name: ${x('trigger.text')}, other: ${x('stages.s.text')} }, name: a`);
    expect(() => planOf(partly, { templates: strict, trigger })).toThrow(where('box.name'));
  });
});

describe('a condition of a template', () => {
  it('holds for all of its stages, together with their own', () => {
    const made = plan(`  a: { uses: echo }
  release:
    needs: a
    uses: release@2
    target: jp
    if: ${x('stages.a.ok || stages.a.count > 1')}
    with: { image: a, check: ${x('stages.a.text == "yes"')} }\n`);
    expect(stageOf(made, 'release.deploy').if).toBe(bare('stages["a"].ok || stages["a"].count > 1'));
    expect(stageOf(made, 'release.probe').if).toBe(
      bare('(stages["a"].ok || stages["a"].count > 1) && (stages["a"].text == "yes")'),
    );
    const never = plan('  release: { uses: release@2, target: jp, if: false, with: { image: a } }\n');
    expect(never.stages.map(({ skip }) => skip)).toEqual(Array(3).fill('its condition "if" is false'));
  });
});

describe('places', () => {
  const using = (insert: string) => `  smoke: { uses: echo }
  release: { needs: smoke, uses: release@2, target: jp, with: { image: a }, insert: { ${insert} } }
  last: { needs: release, uses: echo }\n`;

  it('before, after and instead of a stage take stages in their order', () => {
    const made = plan(
      using(
        'before: { b1: { uses: echo }, b2: { uses: echo, needs: b1 } }, after: { a1: { uses: roll } }, instead: { i1: { uses: echo }, i2: { uses: echo } }',
      ),
    );
    expect(orderOf(made)).toEqual({
      smoke: '',
      'release.prepare': 'smoke',
      'release.b1': 'release.prepare',
      'release.b2': 'release.b1',
      'release.deploy': 'release.b2',
      'release.a1': 'release.deploy',
      'release.i1': 'release.a1',
      'release.i2': 'release.a1',
      last: 'release.i1 release.i2',
    });
    expect(stageOf(made, 'release.a1').target).toBe('jp');
  });

  it('of a stage that is replaced still count', () => {
    const twice = published(
      RELEASE.replace(
        'instead: { replace: probe }',
        'instead: { replace: probe }\n  early: { before: probe }\n  late: { after: probe }',
      ),
    );
    const text = `${PIPELINE}stages:\n  release:\n    uses: release@2\n    target: jp\n    with: { image: a }\n    insert: { instead: { i: { uses: echo } }, early: { e: { uses: echo } }, late: { l: { uses: echo } } }\n`;
    const order = orderOf(planOf(text, { templates: twice }));
    expect(order).toMatchObject({ 'release.e': 'release.deploy', 'release.i': 'release.e', 'release.l': 'release.i' });
  });

  it('give what was inserted its author’s names, not those inside the template', () => {
    const text = `  prepare: { uses: echo }
  release:
    needs: prepare
    uses: release@2
    target: jp
    with: { image: a }
    insert: { after: { mine: { uses: echo, with: { text: ${x('stages.prepare.text')} } }, then: { needs: mine, uses: echo, with: { text: ${x('stages.mine.text + target.name')} } } } }\n`;
    const made = plan(text);
    expect(stageOf(made, 'release.mine').with).toEqual({ text: bare('stages["prepare"].text') });
    expect(stageOf(made, 'release.then').with).toEqual({ text: bare('stages["release.mine"].text + "jp"') });
  });
});

describe('overrides', () => {
  it('replace parameters, times and conditions, in the words of the pipeline', () => {
    const made = planOf(
      `${PIPELINE}inputs: { size: { type: number, default: 7 } }
stages:
  release:
    uses: release@2
    targets: [jp, us]
    with: { image: a }
    override:
      probe: { with: { count: ${x('inputs.size')}, text: ${x('target.name')} }, timeout: 9m, retry: { attempts: 3 }, if: ${x('target.name == "us"')}, on-failure: { then: continue } }
`,
      { templates },
    );
    expect(stageOf(made, 'release.probe-us')).toMatchObject({
      with: { count: 7, text: 'us' },
      timeoutMs: 540_000,
      retry: { attempts: 3 },
      onFailure: { then: 'continue' },
    });
    expect(stageOf(made, 'release.probe-jp').skip).toContain('target.name ==');
  });

  it('reach the inputs of a template within the template', () => {
    const nested = published(
      RELEASE,
      `template: service
version: 1.0.0
owner: platform
inputs: { image: { type: string, required: true } }
outputs: { version: { value: ${x('stages.inner.version')} } }
stages: { inner: { uses: release@2, with: { image: ${x('inputs.image')}, weight: 10 } } }
`,
    );
    const made = planOf(
      `${PIPELINE}stages:\n  s: { uses: service@1, target: jp, with: { image: ${x('images.api')} }, override: { inner: { with: { weight: 20 } } } }\n  last: { needs: s, uses: echo, with: { text: ${x('stages.s.version')} } }\n`,
      { templates: nested },
    );
    expect(made.templates).toEqual({ service: '1.0.0', release: '2.1.0' });
    expect(stageOf(made, 's.inner.deploy')).toMatchObject({
      template: 'release@2.1.0',
      with: { image: API, weight: 20 },
    });
    expect(stageOf(made, 'last').with).toEqual({ text: bare('stages["s.inner.deploy"].version') });
    const wrong = `${PIPELINE}stages:\n  s: { uses: service@1, target: jp, with: { image: a }, override: { inner: { with: { wieght: 20 }, timeout: 1m } } }\n`;
    expect(problemsOf(wrong, nested)).toEqual([
      expect.stringContaining('wieght  is not an input of release@2.1.0; did you mean "weight"?'),
      expect.stringContaining('timeout  has no meaning for a template'),
    ]);
  });
});

describe('several targets', () => {
  const text = (targets: string, more = '') =>
    `  roll: { uses: roll, targets: ${targets}${more} }\n  last: { needs: roll, uses: echo }\n`;

  it('are chosen by labels, with patterns, among names', () => {
    const ids = (targets: string) => plan(text(targets)).stages.map(({ id }) => id);
    expect(ids('{ labels: { env: prod } }')).toEqual(['roll-jp', 'roll-us', 'roll-uk', 'last']);
    expect(ids('{ labels: { env: prod, region: "asia-*" } }')).toEqual(['roll-jp', 'last']);
    expect(ids('{ names: [us, dev], labels: { region: "*-*1" } }')).toEqual(['roll-us', 'roll-dev', 'last']);
  });

  it('some at a time: fast to fail, the next needs those before; otherwise it only waits for them', () => {
    expect(orderOf(plan(text('{ names: [jp, us, uk], max-parallel: 2 }')))).toEqual({
      'roll-jp': '',
      'roll-us': '',
      'roll-uk': 'roll-jp',
      last: 'roll-jp roll-us roll-uk',
    });
    const slow = plan(text('{ names: [jp, us, uk], max-parallel: 1, fail-fast: false }'));
    expect(orderOf(slow)).toMatchObject({ 'roll-us': '| roll-jp', 'roll-uk': '| roll-us' });
    expect(slow.stages.map(({ onFailure }) => onFailure.others)).toEqual(['finish', 'finish', 'finish', 'cancel']);
  });

  it('of a template wait for its ends', () => {
    const made = plan(
      '  release: { uses: release@2, targets: { names: [jp, us], max-parallel: 1 }, with: { image: a } }\n',
    );
    expect(orderOf(made)).toMatchObject({
      'release.prepare-us': 'release.probe-jp',
      'release.deploy-us': 'release.prepare-us',
    });
  });

  it('have one shape where an input chooses them, however many they are', () => {
    const given = `${PIPELINE}inputs: { where: { type: list, default: [jp] } }
stages:
  roll: { uses: roll, targets: ${x('inputs.where')} }
  last: { needs: roll, uses: echo, with: { text: ${x('stages.roll.jp.version')} } }
`;
    expect(stageOf(planOf(given), 'last').with).toEqual({ text: bare('stages["roll-jp"].version') });
    expect(planOf(given, { inputs: { where: ['us', 'jp'] } }).stages.map(({ id }) => id)).toEqual([
      'roll-us',
      'roll-jp',
      'last',
    ]);
    expect(() => planOf(given, { inputs: { where: ['us'] } })).toThrow('the stage has no target "jp"; it runs on us');
    expect(() => planOf(given, { inputs: { where: ['jpp'] } })).toThrow(
      'no target is called "jpp"; did you mean "jp"?',
    );
    expect(() => planOf(given, { inputs: { where: [] } })).toThrow('has no targets; at least one must be named');
  });

  it('by labels that no target has are told with those that there are', () => {
    expect(() => plan(text('{ labels: { env: test } }'))).toThrow(
      'stages.roll  no target has the labels { env: test }; there are jp { env: prod, region: asia-northeast1 }',
    );
  });
});

describe('mistakes in the use of a template', () => {
  it('are told together, each with its place', () => {
    expect(
      problems(`  a: { uses: releas@2, target: jp }
  b: { uses: release@3, target: jp }
  c: { uses: release@newest, target: jp }
  d:
    uses: release@2
    target: jp
    timeout: 5m
    with: { imag: x, weight: heavy }
    insert: { befor: { x1: { uses: echo } }, after: { deploy: { uses: ecko }, x2: { uses: echo, needs: x9, with: { txt: a } } }, before: {} }
    override: { deploy: { timeout: 1m }, prob: {}, probe: { with: { cuont: 1 }, if: ${x('inputs.x')} } }
  e: { uses: release@2, with: { image: a } }
  f: { uses: release, target: jp }
`),
    ).toEqual([
      '5:14  stages.a.uses  "releas": no such template; did you mean "release"?',
      '6:14  stages.b.uses  no version of release fits "3"; there are 2.1.0',
      '7:14  stages.c.uses  "newest" is not a range of versions; write one as in release@2 or release@^2.1.0',
      expect.stringMatching(
        /^11:5 {2}stages\.d\.timeout {2}has no meaning for a template; say it for one of its stages/,
      ),
      '12:13  stages.d.with.imag  is not an input of release@2.1.0; did you mean "image"?',
      '12:30  stages.d.with.weight  must be a number, not text',
      '13:15  stages.d.insert.befor  is not a place of release@2.1.0; did you mean "before"?',
      expect.stringMatching(/insert\.after\.deploy {2}is the id of a stage in release@2\.1\.0 already; take another$/),
      expect.stringMatching(/"ecko": no such stage kind; did you mean "echo"\?$/),
      expect.stringMatching(/needs "x9": no stage inserted here; did you mean "x2"\?$/),
      expect.stringMatching(/txt {2}is not a field of echo; did you mean "text"\?$/),
      expect.stringMatching(/insert\.before {2}has no stage; leave the place out$/),
      '14:17  stages.d.override.deploy  is protected by release@2.1.0; ask platform, who publishes it',
      '14:42  stages.d.override.prob  is not a stage of release@2.1.0; did you mean "probe"?',
      expect.stringMatching(/override\.probe\.with\.cuont {2}is not a field of echo; did you mean "count"\?$/),
      expect.stringMatching(/there is no input "x"; there are none$/),
      '15:3  stages.e  uses release@2.1.0, which needs a target or targets',
      '16:14  stages.f.uses  "release": no such stage kind; a template is used with a version: release@1',
    ]);
  });
});
