/** Worlds in which one thing is fixed on purpose: a fault that has a name, or one that needs several others to meet. */
import type { Plan } from '../../shared/core/plan.ts';
import type { ProbeStep } from './probe.ts';
import type { Script } from './simulate.ts';

const MINUTE = 60_000;

/** One stage that does what `script` says, one slot, and a queue. */
function single(script: readonly ProbeStep[]): NonNullable<Script['plan']> {
  return (random: Plan): Plan => ({
    ...random,
    stages: [
      {
        id: 'only',
        declaredAs: 'only',
        kind: 'probe',
        ...(script.includes('deliver') ? { target: 'jp' } : {}),
        needs: [],
        with: { script },
        timeoutMs: 120 * MINUTE,
        retry: { attempts: 1, backOffMs: 10_000, maximumBackOffMs: MINUTE },
        onFailure: { then: 'fail', others: 'cancel' },
      },
    ],
    concurrency: { group: 'one', limit: 1, whenBusy: 'queue' },
    timeoutMs: 180 * MINUTE,
  });
}

/** One stage that two people approve, whose time is that of its approval. */
function asking({ windows: _, ...random }: Plan): Plan {
  const parameters = { groups: ['leads'], count: 2, 'self-approval': false, within: '20m', remind: '5m' };
  return {
    ...random,
    stages: [
      {
        id: 'ask',
        declaredAs: 'ask',
        kind: 'approve',
        needs: [],
        with: parameters,
        timeoutMs: 20 * MINUTE,
        retry: { attempts: 1, backOffMs: 10_000, maximumBackOffMs: MINUTE },
        onFailure: { then: 'fail', others: 'cancel' },
      },
    ],
  };
}

const once: Script['events'] = [{ event: 'once', at: 0 }];

export const SCENES: ReadonlyMap<string, Script> = new Map<string, Script>([
  [
    'redelivered-start',
    {
      plan: single(['build', 'again']),
      events: [0, 10, 25, 40].map((minutes) => ({ event: 'the-same', at: minutes * MINUTE })),
    },
  ],
  [
    'simultaneous-triggers',
    { plan: single(['build', 'again']), events: ['first', 'second'].map((event) => ({ event, at: 0 })) },
  ],
  [
    // Whoever ends an execution dies around the commit of that; others wait for its slot.
    'crashed-holder',
    {
      plan: single(['again', 'build']),
      events: Array.from({ length: 4 }, (_, index) => ({ event: `event-${index}`, at: index * 1_000 })),
      weather: {
        wild: false,
        sores: [
          { at: 'before commit execution', fault: 'crash' },
          { at: 'after commit execution', fault: 'crash' },
        ],
      },
    },
  ],
  [
    // A freeze that is longer than the stage and its execution may take.
    'frozen',
    {
      plan: (random) => {
        const plan = single(['build', 'again'])(random);
        return {
          ...plan,
          stages: plan.stages.map((one) => ({ ...one, timeoutMs: 20 * MINUTE })),
          timeoutMs: 60 * MINUTE,
        };
      },
      events: ['first', 'second'].map((event) => ({ event, at: 0 })),
      weather: { wild: false, temper: { clockJump: 0 } },
      frozenMs: 90 * MINUTE,
    },
  ],
  // Everything that can be waited for, under a storm.
  ['flow', { isFlow: true }],
  // The same where many a call fails, so that steps are run again and again.
  [
    'flow-of-failures',
    { isFlow: true, weather: { wild: false, sweepless: false, temper: { failure: 0.2, drop: 0, clockJump: 0 } } },
  ],
  [
    // Two people decide within twenty minutes; workers, wakes and servers with other clocks are lost around the end of that.
    'approvals',
    {
      isFlow: true,
      plan: asking,
      weather: {
        wild: false,
        sweepless: false,
        temper: { crash: 0.04, drop: 0.15, clockJump: 0, skewMs: 4_000, messageDelayMs: 500 },
        sores: [],
      },
    },
  ],
  ['poisoned-step', { plan: single(['again', 'kill']), events: once, weather: { wild: false } }],
  [
    // The first worker comes back after the second has lost its lease, takes the step over, and is lost.
    'taken-over',
    {
      plan: single(['build', 'build']),
      events: once,
      weather: {
        wild: false,
        sweepless: true,
        temper: { crash: 0, freeze: 0, liar: 0, duplicate: 0, drop: 0, clockJump: 0, messageDelayMs: 1_000 },
        sores: [
          { at: 'after read run', fault: 'freeze' },
          { at: 'before commit execution', fault: 'freeze' },
          { at: 'before commit execution', fault: 'failure' },
        ],
        freezing: [50_000, 190_000],
      },
    },
  ],
  [
    // Workers whose clocks differ by eight seconds come to themselves when the lease is just over.
    'slow-clocks',
    {
      plan: single(['build', 'build', 'build']),
      events: once,
      weather: {
        wild: false,
        temper: { crash: 0, drop: 0, clockJump: 0, duplicate: 0.5, skewMs: 4_000, latencyMs: 100, messageDelayMs: 500 },
        sores: [{ at: 'before build', fault: 'freeze' }],
        freezing: [50_000, 66_000],
      },
    },
  ],
  [
    // Workers that take steps from each other at will, because their clocks are minutes apart.
    'disagreeing-clocks',
    {
      plan: single(['deliver', 'deliver', 'deliver', 'deliver']),
      events: ['first', 'second', 'third'].map((event) => ({ event, at: 0 })),
      weather: {
        wild: true,
        temper: { crash: 0, drop: 0, duplicate: 0.6, zombie: 0.4, messageDelayMs: 500 },
        freezing: [1_000, 40_000],
      },
    },
  ],
  [
    // The wait is committed and never announced; the signal for it comes before anybody notices.
    'lost-before-announcing',
    {
      plan: single(['signal', 'again', 'signal', 'again']),
      events: Array.from({ length: 6 }, (_, index) => ({ event: `event-${index}`, at: index * MINUTE })),
      weather: {
        wild: false,
        temper: { drop: 0, duplicate: 0, messageDelayMs: 500 },
        sores: [{ at: 'after commit execution', fault: 'crash' }],
      },
    },
  ],
]);
