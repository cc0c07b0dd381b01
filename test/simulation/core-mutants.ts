/** The mends of the pure state machines, each taken out again. */
import type { Mutant } from './mutants.ts';

export const CORE_MUTANTS: readonly Mutant[] = [
  {
    name: 'held-time',
    without: 'the time of a stage runs while it is held',
    scene: 'frozen',
    edits: [
      {
        file: 'shared/core/stage.ts',
        find: 'const timed = stopwatch(stage, due.run, state, now);',
        replace: 'const timed = due.run;',
      },
    ],
  },
  {
    name: 'after',
    without: 'a stage does not wait for the end of those that it comes after',
    edits: [
      {
        file: 'shared/core/execution.ts',
        find: 'for (const before of node.after) {',
        replace: 'for (const before of [] as number[]) {',
      },
    ],
  },
  {
    name: 'claim',
    without: 'a duplicate takes a step that somebody holds',
    edits: [
      {
        file: 'shared/core/stage.ts',
        find: 'return now >= state.until ? { input: state.input, run } : undefined;',
        replace: 'return { input: state.input, run };',
      },
    ],
  },
  {
    name: 'carry',
    without: 'announcements without an answer are not carried into the next',
    edits: [
      {
        file: 'shared/core/execution.ts',
        find: 'const unproven = now.unproven.filter((one) => one.revision > proves);',
        replace: 'const unproven: Transition[] = now.unproven.filter(() => proves < 0);',
      },
    ],
  },
  {
    name: 'settle',
    without: 'an ended execution is not looked at again',
    edits: [
      {
        file: 'shared/core/execution.ts',
        find: 'sweepAt: nextSweep(phase, stages, stop, at),\n    ...(stop',
        replace: "sweepAt: phase.is === 'ended' ? undefined : nextSweep(phase, stages, stop, at),\n    ...(stop",
      },
    ],
  },
  {
    name: 'stop',
    without: 'a stopped execution ends while its stages still work',
    edits: [
      {
        file: 'shared/core/execution.ts',
        find: "if (view.status !== 'pending') continue;\n    const reason",
        replace: 'if (isAtRest(view.status)) continue;\n    const reason',
      },
    ],
  },
  {
    name: 'mail',
    without: 'a signal that comes before its stage waits for it is dropped',
    edits: [
      {
        file: 'shared/core/stage.ts',
        find: 'return { moved: { ...run, mail: [...run.mail, { ...signal, at: now }], at: now } };',
        replace:
          "return { moved: { ...run, mail: run.state.is === 'waiting' ? [...run.mail, { ...signal, at: now }] : run.mail, at: now } };",
      },
    ],
  },
  {
    name: 'lease-end',
    without: 'a claim never ends, so what a lost worker held is never done',
    edits: [
      {
        file: 'shared/core/stage.ts',
        find: 'return now >= state.until ? { input: state.input, run } : undefined;',
        replace: 'return undefined;',
      },
    ],
  },
  {
    name: 'stop-proves-nothing',
    without: 'the first stop step proves announcements that the message of the stop was not sent after',
    edits: [
      {
        file: 'shared/core/stage.ts',
        find: 'readyToStop({ ...run, proves: event.revision }, now, because, run.repeats > 0)',
        replace: 'readyToStop(run, now, because, run.repeats > 0)',
      },
    ],
  },
  {
    name: 'signal-proves-nothing',
    from: 1339,
    without: 'a step that a signal began proves the announcement of the wait before it',
    edits: [
      {
        file: 'shared/core/stage.ts',
        find: 'run: { ...run, mail, taken, proves: 0 } };',
        replace: 'run: { ...run, mail, taken } };',
      },
    ],
  },
  {
    name: 'promoted',
    without: 'an ended execution does not remember whom it gave its slot to',
    edits: [
      {
        file: 'shared/core/execution.ts',
        find: "return ended.phase.is === 'ended' ? { ...ended, phase: { ...ended.phase, promoted } } : ended;",
        replace: 'return promoted.length < 0 ? ended : { ...ended };',
      },
    ],
  },
  {
    name: 'stop-waits-for-holder',
    without: 'the stop of a stage begins while a worker still works at it',
    edits: [
      {
        file: 'shared/core/stage.ts',
        find: "if (run.state.is === 'claimed') return { moved: { ...run, stop: because, at: now } };",
        replace: '',
      },
    ],
  },
  {
    name: 'signal-in-time',
    from: 548,
    without: 'a signal that came in time is lost when its step begins late',
    edits: [
      {
        file: 'shared/core/stage.ts',
        find: "const late = due.input.by === 'signal' || mayAwaitMail(due.run, state) ? undefined : lateness(timed, now);",
        replace: 'const late = lateness(timed, now);',
      },
    ],
  },
  {
    name: 'signal-in-the-mail-in-time',
    scene: 'approvals',
    without: 'a signal that came in time is lost when the step before it answers late',
    edits: [
      {
        file: 'shared/core/stage.ts',
        find: 'const late = hasTime(gone) ? undefined : lateness(run, now);',
        replace: 'const late = lateness(run, now);',
      },
    ],
  },
  {
    name: 'signal-behind-a-lost-worker',
    from: 600,
    scene: 'approvals',
    without: 'a signal that came in time is lost when the step before it is claimed late, because its worker was lost',
    edits: [
      {
        file: 'shared/core/stage.ts',
        find: "const late = due.input.by === 'signal' || mayAwaitMail(due.run, state) ? undefined : lateness(timed, now);",
        replace: "const late = due.input.by === 'signal' ? undefined : lateness(timed, now);",
      },
    ],
  },
  {
    name: 'mail-out-of-time',
    from: 450,
    scene: 'approvals',
    without: 'a signal that came too late sends the work of a step whose wait was not announced',
    edits: [
      {
        file: 'shared/core/stage.ts',
        find: "run.state.is === 'waiting' && timelySignal(run, run.state.for) !== undefined",
        replace:
          "run.state.is === 'waiting' && run.mail.some((one) => isAwaited((run.state as RunState & { is: 'waiting' }).for, one))",
      },
    ],
  },
  {
    name: 'signal-once',
    from: 383,
    without: 'a signal that its sender repeats counts again after a step took it',
    edits: [
      {
        file: 'shared/core/stage.ts',
        find: 'if (run.taken.includes(signal.id) || run.mail',
        replace: 'if (run.mail',
      },
    ],
  },
  {
    name: 'repeat-looks',
    without: 'a step that is repeated does not look whether the one before acted',
    edits: [
      {
        file: 'shared/core/stage.ts',
        find: '{ ...run, repeats: run.repeats + 1, tries: 1, at: now },',
        replace: '{ ...run, repeats: run.repeats + 1, tries: 0, at: now },',
      },
    ],
  },
  {
    name: 'tries',
    without: 'a step that kills its workers is tried for ever',
    edits: [
      {
        file: 'shared/core/stage.ts',
        find: 'if (run.tries < MAXIMUM_TRIES) return undefined;',
        replace: 'if (run.tries < MAXIMUM_TRIES * 100) return undefined;',
      },
    ],
  },
  {
    name: 'time-runs-forward',
    without: 'a clock that is behind takes the time of a stage back',
    edits: [
      {
        file: 'shared/core/stage.ts',
        find: 'const now = Math.max(event.at, run.at);',
        replace: 'const now = event.at;',
      },
    ],
  },
  {
    name: 'stop-swept-soon',
    from: 2214,
    without: 'a stop whose message was lost is looked at only when the wait that it was to end is over',
    edits: [
      {
        file: 'shared/core/execution.ts',
        find: "if (phase.is !== 'running' || stop !== undefined) return soon;",
        replace: "if (phase.is !== 'running') return soon;",
      },
    ],
  },
];
