import { describe, expect, it } from 'vitest';
import { stageKinds } from '../../shared/stages/registry.ts';
import { judge } from './expect.ts';
import { parseScripts, type Script } from './script.ts';
import { type Beginning, type Simulated, simulate } from './simulate.ts';

const REPOSITORY = 'registry.example.com/items-api';
const PIPELINE = `
pipeline: items-api
team: items
images: { api: { repository: ${REPOSITORY}, semver: ">=1.0.0" } }
on: [{ push: api }]
manifests: { files: ["k8s/*.json"] }
stages:
  first: { uses: deploy, target: jp, retry: { attempts: 3, back-off: 10s } }
  ask:
    needs: first
    uses: webhook
    with: { url: "https://hooks.example.com/deployed", wait-for-callback: true, callback-within: 1h }
  rest: { needs: ask, uses: deploy, targets: [us, uk], on-failure: { others: finish } }
`;
const DEPLOYMENT = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'items-api' },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'items-api' } },
    template: {
      metadata: { labels: { app: 'items-api' } },
      spec: { containers: [{ name: 'api', image: REPOSITORY }] },
    },
  },
};
const BY_HAND: Beginning = { is: 'start', images: { api: '1.2.3' }, inputs: {} };
const CALLED_BACK = 'signals: [{ at: 1m, stage: ask, name: callback }]';

const pushOf = (tag: string): Beginning => ({
  is: 'event',
  event: { source: 'artifact-registry', headers: {}, body: { action: 'INSERT', tag: `${REPOSITORY}:${tag}` } },
});

function scriptOf(text: string): Script {
  const parsed = parseScripts({ file: 'script.yaml', text });
  const [script] = 'scripts' in parsed ? parsed.scripts : [];
  if (script === undefined) throw new Error(JSON.stringify(parsed));
  return script;
}

const run = (script?: Script, beginning: Beginning = BY_HAND, text = PIPELINE): Promise<Simulated> =>
  simulate({
    file: 'gennaker.yaml',
    text,
    files: { 'k8s/deployment.json': JSON.stringify(DEPLOYMENT) },
    pipeline: 'items-api',
    targets: ['jp', 'us', 'uk'],
    kinds: stageKinds(),
    renderer: { render: () => Promise.reject(new Error('nothing is to be rendered by a program')) },
    beginning,
    script,
    signal: new AbortController().signal,
  });

/** Plays the script, and gives every line of the timeline with the problems that were found. */
async function play(text: string, beginning?: Beginning) {
  const script = scriptOf(text);
  const simulated = await run(script, beginning);
  if (simulated.is === 'refused') throw new Error(JSON.stringify(simulated.problems));
  const lines =
    simulated.is === 'not-started'
      ? [simulated.text]
      : simulated.timeline.map(({ atMs, stage = 'all', status, attempts, reason }) => {
          const more = [...(attempts > 1 ? [`attempt ${attempts}`] : []), ...(reason ? [reason.code] : [])];
          return [(atMs / 1000).toFixed(1), stage, status, ...more].join(' ');
        });
  const { isMet, problems } = judge(script, simulated);
  return { lines, isMet, problems: problems.map(({ line, column, message }) => `${line}:${column} ${message}`) };
}

describe('a simulation', () => {
  it('runs the pipeline to its end, through the kinds themselves', async () => {
    const { lines, isMet } = await play(`${CALLED_BACK}\nend: succeeded`, pushOf('1.2.3'));
    expect(isMet).toBe(true);
    expect(lines).toEqual([
      '0.0 all started',
      '0.0 first running',
      '0.8 first succeeded',
      '0.8 ask running',
      '0.8 ask waiting signal-not-received',
      '60.0 ask succeeded',
      '60.0 rest-us running',
      '60.0 rest-uk running',
      '60.8 rest-us succeeded',
      '60.8 rest-uk succeeded',
      '60.8 all succeeded',
    ]);
  });

  it('gives the same of the same, byte for byte', async () => {
    const text = `${CALLED_BACK}\ntargets: { us: { unreachable: [{ from: 1s, to: 3m }] } }`;
    const all = await Promise.all([run(scriptOf(text)), run(scriptOf(text))]);
    const [one, other] = all.map((simulated) => JSON.stringify({ ...simulated, doings: null, awaited: null }));
    expect(one).toBe(other);
  });

  it('lets attempts fail, take their time and be made again', async () => {
    const { lines, problems } = await play(`
stages:
  first: { takes: 90s, fails: [{ attempt: 1, reason: quota-exceeded, text: No room., after: 5s }] }
  ask: { outputs: { status: 200, body: "" } }
`);
    expect(problems).toEqual([]);
    expect(lines.slice(0, 7)).toEqual([
      '0.0 all started',
      '0.0 first running',
      '5.0 first waiting attempt 2 retry-back-off',
      '15.0 first running attempt 2',
      '105.8 first succeeded attempt 2',
      '105.8 ask running',
      '105.8 ask succeeded',
    ]);
  });

  it('stops at once a failure that no retry mends', async () => {
    const { lines } = await play('stages: { first: { fails: [{ reason: manifest-refused, retry: false }] } }');
    expect(lines.at(-1)).toBe('0.0 all failed stage-failed');
    expect(lines).toContain('0.0 first failed manifest-refused');
  });

  it('answers HTTP as the script says', async () => {
    const { lines } = await play(`
stages: { ask: { answers: [{ unreachable: true }, { status: 503, headers: { retry-after: "7" } }, { status: 404 }] } }
end: failed`);
    expect(lines.slice(3)).toEqual([
      '0.8 ask running',
      '0.8 ask waiting remote-unreachable',
      '1.8 ask waiting retry-back-off',
      '8.8 ask failed remote-refused',
      '8.8 rest-us skipped not-reached',
      '8.8 rest-uk skipped not-reached',
      '8.8 all failed stage-failed',
    ]);
  });

  it('lets an answer come too late for its request', async () => {
    const { lines } = await play('stages: { ask: { answers: [{ status: 200, after: 40s }] } }\ncancel: { at: 35s }');
    expect(lines.slice(3, 6)).toEqual([
      '0.8 ask running',
      '30.8 ask waiting remote-unreachable',
      '35.0 rest-us skipped not-reached',
    ]);
  });

  it('lets images fare as the script says, on the targets that it names', async () => {
    const { lines } = await play(
      `${CALLED_BACK}\ntargets: { us: { images: { api: broken } }, uk: { images: { api: slow } } }`,
    );
    expect(lines).toContain('60.4 rest-us failed image-not-pullable');
    expect(lines).toContain('65.0 rest-uk succeeded');
    expect(lines.at(-1)).toBe('65.0 all failed stage-failed');
  });

  it('waits for a cluster that does not answer, while the others go on', async () => {
    const { lines } = await play(`${CALLED_BACK}\ntargets: { us: { unreachable: [{ from: 10s, to: 3m }] } }`);
    expect(lines).toContain('60.0 rest-us waiting cluster-unreachable');
    expect(lines).toContain('60.8 rest-uk succeeded');
    expect(lines.at(-1)).toMatch(/^1(8|9)\d\.\d all succeeded$/);
  });

  it('times out what nobody answers', async () => {
    const { lines } = await play('stages: { first: { takes: 2h } }');
    expect(lines.find((line) => line.includes('first failed'))).toMatch(/^36\d\d\.\d first failed stage-timed-out$/);
  });

  it('cancels when the script says', async () => {
    const { lines, problems } = await play('cancel: { at: 30s, by: aki, reason: wrong version }\nend: cancelled');
    expect(problems).toEqual([]);
    expect(lines.slice(-5)).toEqual([
      '30.0 rest-us skipped not-reached',
      '30.0 rest-uk skipped not-reached',
      '30.0 all stopping cancelled-by-person',
      '30.0 ask cancelled cancelled-by-person',
      '30.0 all cancelled cancelled-by-person',
    ]);
  });

  it('says why nothing was started', async () => {
    const { lines, isMet } = await play('end: not-started', pushOf('1.3.0-rc1'));
    expect(isMet).toBe(true);
    expect(lines).toEqual([expect.stringContaining('1.3.0-rc1')]);
    const other = await play('end: succeeded', pushOf('1.3.0-rc1'));
    expect(other).toMatchObject({ isMet: false, problems: [expect.stringContaining('did not start')] });
  });

  it('runs nothing of a pipeline file that is not right', async () => {
    const refused = await run(undefined, BY_HAND, PIPELINE.replace('uses: webhook', 'uses: webhok'));
    expect(refused).toMatchObject({
      is: 'refused',
      problems: [{ line: 11, message: expect.stringContaining('webhook') }],
    });
  });
});

describe('what a script says and nothing takes', () => {
  it.each([
    [
      'stages: { rest-us: { takes: 5s } }\ncancel: { at: 2s }',
      '1:11 stages.rest-us  had no effect: the stage never ran',
    ],
    [
      `stages: { first: { answers: [{ status: 200 }] } }\n${CALLED_BACK}`,
      '1:20 stages.first.answers  had no effect: the stage sent no request',
    ],
    [
      `stages: { first: { fails: [{ attempt: 2 }] } }\n${CALLED_BACK}`,
      '1:28 stages.first.fails[0]  had no effect: there was no attempt 2, the last was 1',
    ],
    [
      'signals: [{ at: 1s, stage: ask, name: calback }]',
      '1:39 signals[0].name  no step took it: ask waited for callback; did you mean "callback"?',
    ],
    [
      'signals: [{ at: 0s, stage: ask, name: callback }]',
      '1:11 signals[0]  had no effect: ask had not begun at 0s; it began at 0.8 s',
    ],
    [
      `signals: [{ at: 1m, stage: ask, name: callback }, { at: 2m, stage: ask, name: callback }]`,
      '1:51 signals[1]  had no effect: the execution had ended before, at 1 min',
    ],
    [`${CALLED_BACK}\ncancel: { at: 1h }`, '2:1 cancel  had no effect: the execution had ended before, at 1 min'],
  ])('is told: %s', async (text, problem) => {
    const { isMet, problems } = await play(text);
    expect(isMet).toBe(false);
    expect(problems).toEqual([problem]);
  });
});

describe('what a script expects', () => {
  const first = '{ stage: first, status: succeeded';

  it.each([
    `expect: [${first} }, { stage: rest-us, status: succeeded, by: 61s }]`,
    // Of one moment, the order does not count.
    'expect: [{ stage: rest-uk, status: succeeded, at: 60s }, { stage: rest-us, status: succeeded, at: 60s }]',
    `expect: [{ stage: ask, status: waiting, reason: signal-not-received, attempts: 1 }]\nend: succeeded`,
    `expect: [${first} }]\nexact: false`,
  ])('is met: %s', async (text) => {
    expect(await play(`${text}\n${CALLED_BACK}`)).toMatchObject({ isMet: true, problems: [] });
  });

  it.each([
    [
      `expect: [${first}, attempts: 2 }]`,
      '1:10 expect[0]  first succeeded (attempt 2) did not happen; what happened is first running at 0.0 s, first succeeded at 0.8 s',
    ],
    [
      'expect: [{ stage: rest-us, status: succeeded }, { stage: first, status: running }]',
      '1:49 expect[1]  first running did not happen in this order: it was at 0.0 s, before the expectation above it',
    ],
    [
      `expect: [${first} }, ${first} }]`,
      '1:47 expect[1]  first succeeded did not happen once more; it happened at 0.8 s',
    ],
    [
      `expect: [${first}, by: 0s }]`,
      '1:10 expect[0]  first succeeded (by 0s) did not happen; what happened is first running at 0.0 s, first succeeded at 0.8 s',
    ],
    ['end: failed', '1:6 end  expected failed, but it was succeeded'],
  ])('is not met: %s', async (text, problem) => {
    const { isMet, problems } = await play(`${text}\n${CALLED_BACK}`);
    expect(isMet).toBe(false);
    expect(problems).toEqual([problem]);
  });

  it('may be all that happens', async () => {
    const { problems } = await play(`expect: [{ stage: first, status: failed, reason: stage-failed }]
stages: { first: { fails: [{ retry: false }] } }
exact: true`);
    expect(problems).toEqual([
      '3:8 exact  nothing else was to happen, but first running at 0.0 s, ask skipped (not-reached) at 0.0 s, ' +
        'rest-us skipped (not-reached) at 0.0 s, rest-uk skipped (not-reached) at 0.0 s did',
    ]);
  });
});

describe('what does not fit the plan', () => {
  it('is told in one go, with its place and the nearest name', async () => {
    const script = scriptOf(`
stages: { frist: { takes: 3m }, rest: { fails: [{ attempt: 3 }] }, ask: { outputs: { stauts: 200, body: "" } } }
targets: { jpp: {}, us: { images: { apj: broken } }, uk: { unreachable: [{ from: 3s, to: 2s }] } }
signals: [{ at: 5s, stage: aks, name: callback }]
expect: [{ stage: rest, status: succeeded }, { stage: nowhere, status: failed }]
`);
    const refused = await run(script);
    const problems = refused.is === 'refused' ? refused.problems : [];
    expect(problems.map(({ line, column, message }) => `${line}:${column} ${message}`)).toEqual([
      '2:11 stages.frist  "frist": no such stage; did you mean "first"?',
      '2:60 stages.rest.fails[0].attempt  attempt 3 can never come: the stage has 1 in all',
      '2:86 stages.ask.outputs.stauts  is not a field of the outputs of webhook; did you mean "status"?',
      '3:12 targets.jpp  no stage delivers to this target; did you mean "jp"?',
      '3:37 targets.us.images.apj  the pipeline has no such image; did you mean "api"?',
      '3:90 targets.uk.unreachable[0].to  must be later than from',
      '4:28 signals[0].stage  "aks": no such stage; did you mean "ask"?',
      '5:19 expect[0].stage  "rest" is several stages, one for each target; name one of rest-us, rest-uk',
      '5:55 expect[1].stage  "nowhere": no such stage; the stages are first, ask, rest-us, rest-uk',
    ]);
  });
});

describe('decisions of people in a script', () => {
  const ASKING = `pipeline: items-api
team: items
stages:
  ask:
    uses: approve
    with: { groups: [leads], choices: [half, all], within: 2h, remind: 30m }
  check: { needs: ask, uses: check, with: { assert: [{ that: "\${{ stages.ask.choice == 'half' }}", message: too much }] } }
`;
  const playAsking = async (text: string) => {
    const script = scriptOf(text);
    const simulated = await run(script, { is: 'start', images: {}, inputs: {} }, ASKING);
    if (simulated.is !== 'ran') throw new Error(JSON.stringify(simulated));
    const { isMet, problems } = judge(script, simulated);
    return { isMet, problems: problems.map(({ message }) => message) };
  };

  it('are held to the rules that hold for people', async () => {
    const script = `
decisions:
  - { at: 5m, stage: ask, by: eve, choice: half, refused: not-allowed }
  - { at: 6m, stage: ask, by: simulation, groups: [leads], choice: half, refused: own-execution }
  - { at: 7m, stage: ask, by: aki, groups: [leads], refused: choice-missing }
  - { at: 40m, stage: ask, by: aki, groups: [leads], choice: half }
expect:
  - { stage: ask, status: waiting, reason: approval-needed }
  - { stage: ask, status: succeeded, at: 40m }
  - { stage: check, status: succeeded }
end: succeeded
`;
    expect(await playAsking(script)).toEqual({ isMet: true, problems: [] });
  });

  it('reject, come too late, or are refused where nobody expects it', async () => {
    const rejected = 'decisions: [{ at: 1m, stage: ask, by: aki, groups: [leads], reject: true }]\nend: failed';
    expect(await playAsking(rejected)).toMatchObject({ isMet: true });
    const late = 'expect: [{ stage: ask, status: failed, reason: approval-timed-out, at: 2h }]\nend: failed';
    expect(await playAsking(late)).toMatchObject({ isMet: true });
    const other = 'decisions: [{ at: 1m, stage: ask, by: aki, groups: [leads], choice: all }]';
    expect(
      await playAsking(`${other}\nexpect: [{ stage: check, status: failed, reason: check-failed }]`),
    ).toMatchObject({
      isMet: true,
    });
    const { isMet, problems } = await playAsking('decisions: [{ at: 1m, stage: ask, by: eve, choice: all }]');
    expect(isMet).toBe(false);
    expect(problems[0]).toContain('was refused (not-allowed): ask is decided by leads; eve is in no group.');
  });
});
