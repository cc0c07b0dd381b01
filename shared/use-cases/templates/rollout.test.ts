import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { executionOf, manualClock, planOf, recordingLog } from '../../../test/support/execution-fixtures.ts';
import { type Embedded, IN_MEMORY, openEmbedded } from '../../adapters/embedded/index.ts';
import type { Execution, ExecutionEnd } from '../../core/run.ts';
import type { AppliedPipeline } from '../../ports/pipelines.ts';
import type { Rollout } from '../../ports/templates.ts';
import { documentParsers } from '../documents.ts';
import { planReader } from '../plans.ts';
import { advanceRollouts } from './advance-rollouts.ts';
import { continueRollout, rollBackTemplate } from './decide-rollout.ts';
import type { RolloutPorts } from './ports.ts';
import { markActive } from './publish.ts';
import { parseRings, ringOf, ringsFor } from './rings.ts';

const COUNT = 120;
const NAMES = Array.from({ length: COUNT }, (_, index) => `service-${String(index).padStart(3, '0')}`);
const TEMPLATE = 'microservice';

/** The rollouts on the real stores, over pipelines whose files fit every version but those that a test names. */
class World {
  readonly clock = manualClock();
  readonly log = recordingLog();
  readonly stores: Embedded = openEmbedded({ path: IN_MEMORY, clock: this.clock, parse: documentParsers });
  readonly plans = planReader(this.stores.blobs);
  readonly executions: Execution[] = [];
  /** Pipelines that do not fit the new version. */
  readonly broken = new Set<string>();
  /** Called after each lock that has moved. */
  onMoved: (name: string) => Promise<void> = async () => {};
  readonly ranges = new Map<string, string>();
  /** What happens in between, once: another's change of this pipeline. */
  disturb: string | undefined;

  readonly ports: RolloutPorts = {
    ...this.stores,
    executions: {
      list: async ({ pipeline, limit, before = Number.POSITIVE_INFINITY }) =>
        this.executions
          .filter((one) => one.pipeline === pipeline && one.createdAt < before)
          .sort((a, b) => b.createdAt - a.createdAt)
          .slice(0, limit),
    },
    plans: this.plans,
    clock: this.clock,
    log: this.log,
    usesOf: async ({ name }) => [{ name: TEMPLATE, range: this.ranges.get(name) ?? '2' }],
    relock: async ({ pipeline, template, version }) => {
      if (this.broken.has(pipeline.name) && version === '2.1.0') {
        return { is: 'refused', because: `gennaker.yaml:4:9  stages.release.with.port  is missing` };
      }
      if (this.disturb === pipeline.name) {
        this.disturb = undefined;
        await this.put({ ...pipeline, generation: pipeline.generation + 1 }, pipeline.generation);
      }
      const moved = await this.put(
        {
          ...pipeline,
          generation: pipeline.generation + 1,
          templates: { ...pipeline.templates, [template]: version },
          templatesBefore: { ...pipeline.templatesBefore, ...pipeline.templates },
        },
        pipeline.generation,
      );
      if (moved === 'changed') await this.onMoved(pipeline.name);
      return { is: moved === 'changed' ? 'moved' : 'conflict' };
    },
  };

  put(pipeline: AppliedPipeline, expected = 0): Promise<'changed' | 'conflict'> {
    return this.stores.pipelines.change({ puts: [{ pipeline, triggers: [], expected }], removals: [] });
  }

  async fill(lock = '2.0.0'): Promise<void> {
    for (const name of NAMES) {
      await this.put({
        format: 1,
        name,
        team: 'items',
        file: 'gennaker.yaml',
        definition: {},
        appliedAt: this.clock.now(),
        generation: 1,
        templates: { [TEMPLATE]: lock },
      });
    }
  }

  async start(rings: string, after = 3): Promise<void> {
    const parsed = parseRings(rings);
    if ('problem' in parsed) throw new Error(parsed.problem);
    const version = (exact: string, standing: 'released' | 'rolling') => ({
      version: exact,
      definition: '',
      source: '',
      file: 'microservice.yaml',
      publishedAt: this.clock.now(),
      by: 'aki',
      standing,
    });
    const rollout: Rollout = {
      version: '2.1.0',
      rings: ringsFor({ requests: parsed.rings, template: TEMPLATE, pipelines: NAMES }),
      after,
      startedAt: this.clock.now(),
      ring: 0,
      state: { is: 'moving', since: this.clock.now(), past: '' },
    };
    const versions = [version('2.0.0', 'released'), version('2.1.0', 'rolling')];
    await markActive(this.ports, TEMPLATE, '2.1.0');
    const value = { format: 1, name: TEMPLATE, owner: 'platform', description: '', versions, rollout } as const;
    await this.stores.templates.write({ key: TEMPLATE, value, expected: 'absent' });
  }

  async tick(): Promise<Rollout> {
    this.clock.advance(60_000);
    await advanceRollouts(this.ports);
    return this.rollout();
  }

  async rollout(): Promise<Rollout> {
    const rollout = (await this.stores.templates.read({ key: TEMPLATE }))?.value.rollout;
    if (rollout === undefined) throw new Error('there is no rollout');
    return rollout;
  }

  /** The pipelines on the version. */
  async on(version: string): Promise<readonly string[]> {
    const all = await this.stores.pipelines.list({ limit: COUNT + 1 });
    return all.filter(({ templates }) => templates?.[TEMPLATE] === version).map(({ name }) => name);
  }

  async standing(version: string): Promise<string | undefined> {
    const record = (await this.stores.templates.read({ key: TEMPLATE }))?.value;
    return record?.versions.find((one) => one.version === version)?.standing;
  }

  /** An execution of the pipeline, on the version that it is locked to, that ends so. */
  async run(name: string, end: ExecutionEnd): Promise<string> {
    const templates = (await this.stores.pipelines.get({ name }))?.templates;
    const plan = planOf({ pipeline: name, ...(templates === undefined ? {} : { templates }) });
    const { hash } = await this.plans.put(plan);
    this.clock.advance(1);
    const id = `${name}-${this.executions.length}`;
    const at = this.clock.now();
    this.executions.push(
      executionOf({ id, createdAt: at, plan: hash, phase: { is: 'ended', end, at, promoted: [] } }, {}, plan),
    );
    return id;
  }
}

describe('a rollout of a template', () => {
  let world: World;
  beforeEach(() => {
    world = new World();
  });
  afterEach(() => world.stores.close());

  it('moves the locks of one ring, and those of the next after enough executions succeeded', async () => {
    await world.fill();
    await world.start('10%,50%,100%');
    expect(await world.tick()).toMatchObject({ ring: 0, state: { is: 'proving' } });
    const first = await world.on('2.1.0');
    expect(first).toHaveLength(COUNT / 10);

    await world.run(first[0] ?? '', 'succeeded');
    await world.run(first[0] ?? '', 'cancelled');
    await world.run(NAMES.find((name) => !first.includes(name)) ?? '', 'failed');
    await world.run(first[1] ?? '', 'succeeded');
    expect(await world.tick()).toMatchObject({
      ring: 0,
      state: { is: 'proving', counted: { pipelines: COUNT / 10, successes: 2 } },
    });
    expect(await world.on('2.1.0')).toEqual(first);

    await world.run(first[2] ?? '', 'succeeded');
    expect(await world.tick()).toMatchObject({ ring: 1, state: { is: 'proving' } });
    const second = await world.on('2.1.0');
    expect(second).toHaveLength(COUNT / 2);
    expect(second).toEqual(expect.arrayContaining([...first]));

    // What the first ring proves is no proof of the second.
    for (let times = 0; times < 3; times += 1) await world.run(first[0] ?? '', 'succeeded');
    expect(await world.tick()).toMatchObject({ ring: 1 });
    for (const name of second.filter((one) => !first.includes(one)).slice(0, 3)) await world.run(name, 'succeeded');
    expect(await world.tick()).toMatchObject({ ring: 2, state: { is: 'proving' } });
    expect(await world.on('2.1.0')).toHaveLength(COUNT);
    expect(await world.standing('2.1.0')).toBe('rolling');

    for (const name of NAMES) await world.run(name, 'succeeded');
    expect(await world.tick()).toMatchObject({ state: { is: 'over', how: 'released' } });
    expect(await world.standing('2.1.0')).toBe('released');
  });

  it('stops at the first failure, moves nothing more, and goes back in one command', async () => {
    await world.fill();
    await world.start('10%,50%,100%');
    await world.tick();
    const first = await world.on('2.1.0');
    for (const name of first) await world.run(name, 'succeeded');
    const failed = await world.run(first[3] ?? '', 'failed');
    expect(await world.tick()).toMatchObject({
      ring: 0,
      state: { is: 'stopped', pipeline: first[3], execution: failed },
    });
    expect(await world.tick()).toMatchObject({ ring: 0, state: { is: 'stopped' } });
    expect(await world.on('2.1.0')).toEqual(first);

    expect(await rollBackTemplate(world.ports, { template: TEMPLATE, by: 'aki' })).toMatchObject({ is: 'decided' });
    expect(await world.on('2.0.0')).toEqual(NAMES);
    expect(await world.standing('2.1.0')).toBe('withdrawn');
    expect(await world.tick()).toMatchObject({ state: { is: 'over', how: 'rolledBack', left: [] } });
    expect(await rollBackTemplate(world.ports, { template: TEMPLATE, by: 'aki' })).toEqual({
      is: 'refused',
      message: 'microservice 2.1.0 is rolled back already.',
    });
  });

  it('stops at a pipeline whose file does not fit the version, and says where', async () => {
    await world.fill();
    await world.start('service-005,100%');
    world.broken.add('service-005');
    expect(await world.tick()).toMatchObject({
      state: { is: 'stopped', pipeline: 'service-005', because: expect.stringContaining('gennaker.yaml:4:9') },
    });
    expect(await world.on('2.1.0')).toEqual([]);
  });

  it('counts what fails while the other locks of the ring are still being moved', async () => {
    await world.fill();
    await world.start('100%', 1);
    let failed: string | undefined;
    world.onMoved = async (name) => {
      if (name === 'service-003') failed = await world.run(name, 'failed');
      else if (name === 'service-004') await world.run(name, 'succeeded');
    };
    expect(await world.tick()).toMatchObject({
      state: { is: 'stopped', pipeline: 'service-003', execution: failed },
    });
    expect(failed).toBeDefined();
  });

  it('goes on where a person says so, and then counts only what came after', async () => {
    await world.fill();
    await world.start('service-005,100%', 1);
    await world.tick();
    await world.run('service-005', 'failed');
    await world.tick();
    expect(await continueRollout(world.ports, { template: TEMPLATE, by: 'aki' })).toMatchObject({ is: 'decided' });
    expect(await world.tick()).toMatchObject({ ring: 0, state: { is: 'proving' } });
    await world.run('service-005', 'succeeded');
    expect(await world.tick()).toMatchObject({ ring: 1 });
  });

  it('leaves pipelines alone that name a version exactly, or a range without it', async () => {
    await world.fill();
    world.ranges.set('service-001', '2.0.0').set('service-002', '~2.0').set('service-003', '1 || 3');
    await world.start('100%', 1);
    await world.tick();
    expect(await world.on('2.0.0')).toEqual(['service-001', 'service-002', 'service-003']);
  });

  it('moves nobody twice, whoever else works on it or changes a pipeline meanwhile', async () => {
    await world.fill();
    world.disturb = 'service-007';
    await world.start('100%', 1);
    await Promise.all([world.tick(), world.tick(), world.tick()]);
    for (let ticks = 0; ticks < 3; ticks += 1) await world.tick();
    expect(await world.on('2.1.0')).toEqual(NAMES);
    const generations = (await world.stores.pipelines.list({ limit: COUNT })).map(({ name, generation }) =>
      name === 'service-007' ? generation - 1 : generation,
    );
    expect(new Set(generations)).toEqual(new Set([2]));
    expect(world.log.lines.filter(({ severity }) => severity === 'ERROR')).toEqual([]);
  });

  it('is not looked at any more once it is at rest', async () => {
    await world.start('100%', 1);
    await world.tick();
    expect(await world.rollout()).toMatchObject({ state: { is: 'over', how: 'released' } });
    for (let ticks = 0; ticks < 12; ticks += 1) await world.tick();
    expect(await world.stores.rollouts.list({ limit: 1 })).toEqual([]);
  });
});

describe('rings', () => {
  it.each([
    ['10%,50%,100%', [{ percent: 10 }, { percent: 50 }, { percent: 100 }]],
    ['items-*, 25 %', [{ pipelines: 'items-*' }, { percent: 25 }, { percent: 100 }]],
    ['50%,10%', 'the ring 10% must be more than 50% and at most 100%: each holds those before it'],
    ['0%', 'the ring 0% must be more than 0% and at most 100%: each holds those before it'],
    [
      'a third',
      '"a third" is no ring: one is a share such as 10%, or the name of a pipeline, with "*" for any letters',
    ],
    ['1%,2%,3%,4%,5%,6%,7%,8%,9%,10%', 'there are 11 rings; at most 10 are allowed'],
  ])('are read from %s', (text, expected) => {
    const parsed = parseRings(text);
    expect('rings' in parsed ? parsed.rings : parsed.problem).toEqual(expected);
  });

  it('hold at least one pipeline, and keep those that they have when others come', () => {
    const requests = [{ percent: 1 }, { percent: 100 }];
    const few = NAMES.slice(0, 5);
    const rings = ringsFor({ requests, template: TEMPLATE, pipelines: few });
    const first = few.filter((name) => ringOf({ rings }, TEMPLATE, name) === 0);
    expect(first).toHaveLength(1);
    expect(NAMES.every((name) => ringOf({ rings }, TEMPLATE, name) <= 1)).toBe(true);
  });

  it('are in another order for each template', () => {
    const firstOf = (template: string): readonly string[] => {
      const rings = ringsFor({ requests: [{ percent: 10 }, { percent: 100 }], template, pipelines: NAMES });
      return NAMES.filter((name) => ringOf({ rings }, template, name) === 0);
    };
    expect(firstOf('microservice')).not.toEqual(firstOf('batch'));
  });
});
