/** Each mend of the protocol taken out again: the simulation must notice every one. */

export type Mutant = {
  readonly name: string;
  /** What the code does without the mend. */
  readonly without: string;
  /** How many seeds it takes to meet it, where the usual number is too few. */
  readonly seeds?: number;
  /** Replacements in the code; each `find` must stand in its file exactly once. */
  readonly edits: readonly { readonly file: string; readonly find: string; readonly replace: string }[];
};

export const MUTANTS: readonly Mutant[] = [
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
    name: 'announce-first',
    without: 'work is sent before the announcement, so its answer proves nothing',
    edits: [
      {
        file: 'shared/use-cases/send.ts',
        find: 'await ports.bus.publish({ topic: TOPICS.transitions, messages });',
        replace: 'deferred = messages;',
      },
      {
        file: 'shared/use-cases/send.ts',
        find: 'if (announcements.length > 0) {',
        replace: 'let deferred: Message[] = []; if (announcements.length > 0) {',
      },
      {
        file: 'shared/use-cases/send.ts',
        find: 'await Promise.all([...published, ...wakes]);',
        replace:
          'await Promise.all([...published, ...wakes]); if (deferred.length > 0) await ports.bus.publish({ topic: TOPICS.transitions, messages: deferred });',
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
    name: 'group-condition',
    without: 'an end frees its slot in a commit of its own',
    edits: [
      {
        file: 'shared/use-cases/change-execution.ts',
        find: 'const result = await ports.executions.commit({ writes });',
        replace:
          "const result = await ports.executions.commit({ writes: writes.filter((one) => one.document !== 'group') }); if (result.is === 'committed') await ports.executions.commit({ writes: writes.filter((one) => one.document === 'group') });",
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
    name: 'lease-check',
    without: 'a worker that was frozen beyond its lease still writes',
    edits: [
      {
        file: 'shared/use-cases/run-step.ts',
        find: 'mayWrite: () => claim.held.still && !claim.signal.aborted && engine.clock.now() < claim.deadline,',
        replace: 'mayWrite: () => true,',
      },
    ],
  },
  {
    name: 'lease-margin',
    without: 'a worker writes up to the end of its lease, though clocks do not agree to the second',
    edits: [
      {
        file: 'shared/use-cases/run-step.ts',
        find: 'engine.clock.now() < claim.deadline,',
        replace: 'engine.clock.now() < claim.deadline + 10_000,',
      },
    ],
  },
  {
    name: 'step-not-begun',
    without: 'a worker that was frozen after its claim begins a step for which there is no time left',
    edits: [
      {
        file: 'shared/use-cases/advance-execution.ts',
        find: 'if (engine.clock.now() >= claimed.at + engine.timing.stepMs) throw new StepNotBegun(work);',
        replace: '',
      },
    ],
  },
  {
    name: 'repeat-proves-nothing',
    without: 'the answer of a repeated step proves an announcement that its message may be older than',
    edits: [
      {
        file: 'shared/use-cases/advance-execution.ts',
        find: "const proves = moved.state.is === 'ended' || moved.repeats > 0 ? before",
        replace: "const proves = moved.state.is === 'ended' ? before",
      },
    ],
  },
  {
    name: 'end-keeps-proof',
    without: 'a duplicate for an ended stage does not see which stages its end started',
    edits: [
      {
        file: 'shared/use-cases/advance-execution.ts',
        find: "const proves = moved.state.is === 'ended' || moved.repeats > 0 ? before",
        replace: 'const proves = moved.repeats > 0 ? before',
      },
    ],
  },
  {
    name: 'stop-proves-nothing',
    without: 'the first stop step proves announcements that the message of the stop was not sent after',
    edits: [
      {
        file: 'shared/core/stage.ts',
        find: 'readyToStop({ ...run, proves: event.revision }, now, because)',
        replace: 'readyToStop(run, now, because)',
      },
    ],
  },
  {
    name: 'signal-proves-nothing',
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
    name: 'void-claim-resends',
    without:
      'a duplicate of a step that was done is dropped, though its first worker may have been lost before it sent anything',
    edits: [
      {
        file: 'shared/use-cases/advance-execution.ts',
        find: 'await send(engine, sender, [...announcements, ...started, ...outstandingOfRun(run)]);',
        replace: '',
      },
    ],
  },
  {
    name: 'held-wakes-at-lease-end',
    without: 'a duplicate of a step that somebody holds is dropped, though that worker may be lost',
    edits: [
      {
        file: 'shared/use-cases/advance-execution.ts',
        find: "if (effect.is !== 'wake') continue;\n      await engine",
        replace: "if (effect.is !== 'wake' || run.state.is === 'claimed') continue;\n      await engine",
      },
    ],
  },
  {
    name: 'early-wake-renamed',
    without: 'a wake that came too early is not followed by another, because its name was used',
    edits: [
      {
        file: 'shared/use-cases/advance-execution.ts',
        find: 'effect.turn, effect.at, now]),',
        replace: 'effect.turn, effect.at]),',
      },
    ],
  },
  {
    name: 'superseded-resends',
    without: 'a worker whose step was taken over acknowledges the last message with which the other works',
    edits: [
      {
        file: 'shared/use-cases/advance-execution.ts',
        find: 'await answerVoidClaim(engine, indexed, current.value, { execution, stage: id, attempt, step }, move.ignored);',
        replace: '[execution, id, attempt, step].join();',
      },
    ],
  },
  {
    name: 'second-stop-resends',
    without: 'a stop that was heard before is dropped, though its first worker may have been lost',
    edits: [
      {
        file: 'shared/use-cases/advance-execution.ts',
        find: "await answerVoidClaim(engine, indexed, found.value, { ...command, attempt, step }, 'duplicate');",
        replace: '[attempt, step].join();',
      },
    ],
  },
  {
    name: 'created-resends',
    without: 'an event that comes again does not send what the creation of its execution left unsent',
    edits: [
      {
        file: 'shared/use-cases/create-execution.ts',
        find: 'if (existing.value.sweepAt !== undefined) await attend(ports, id);',
        replace: '',
      },
    ],
  },
  {
    name: 'stopped-resends',
    without: 'a cancel that is repeated does not send what the first left unsent',
    edits: [
      {
        file: 'shared/use-cases/stop-execution.ts',
        find: 'await attend(ports, command.id);',
        replace: '',
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
    without: 'a signal that came in time is lost when its step begins late',
    edits: [
      {
        file: 'shared/core/stage.ts',
        find: "const late = due.input.by === 'signal' ? undefined : lateness(run, now);",
        replace: 'const late = lateness(run, now);',
      },
    ],
  },
  {
    name: 'signal-once',
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
    name: 'slot-condition',
    without: 'a new execution takes its slot from a group that it did not read in the same breath',
    edits: [
      {
        file: 'shared/use-cases/create-execution.ts',
        find: 'value: group.value, expected: group.expected });',
        replace:
          "value: group.value, expected: (await ports.executions.readGroup({ key: rule.group }))?.version ?? 'absent' });",
      },
    ],
  },
  {
    name: 'poison',
    without: 'a message that can never be processed is refused again and again',
    edits: [
      {
        file: 'shared/use-cases/deliveries.ts',
        find: 'if (!(error instanceof PoisonMessage)) {',
        replace: 'if (!(error instanceof PoisonMessage) || error.message.length > 0) {',
      },
    ],
  },
  {
    name: 'fence',
    without: 'a lower fence is written over a higher one',
    edits: [
      {
        file: 'shared/kubernetes/conditional-write.ts',
        find: 'if (higher !== undefined) return higher;',
        replace: '',
      },
    ],
  },
  {
    name: 'fence-uid',
    without: 'an object that was deleted meanwhile is created again by an apply',
    edits: [
      {
        file: 'shared/kubernetes/conditional-write.ts',
        find: 'return { resourceVersion, uid, managedFields };',
        replace: 'return { resourceVersion, uid: uid.slice(0, 0), managedFields };',
      },
    ],
  },
  {
    name: 'conditional-write',
    without: 'an object that changed since it was read is written all the same',
    edits: [
      {
        file: 'shared/kubernetes/conditional-write.ts',
        find: 'return { resourceVersion, uid, managedFields };',
        replace: 'return { resourceVersion: resourceVersion.slice(0, 0), uid, managedFields };',
      },
    ],
  },
  {
    name: 'raised-fence',
    without: 'the stop of a stage leaves its objects open to workers that were lost',
    edits: [
      {
        file: 'shared/kubernetes/conditional-write.ts',
        find: "if (live === undefined) return { is: 'absent' };",
        replace: "if (live === undefined || fence.turn > 0) return { is: 'absent' };",
      },
    ],
  },
  {
    name: 'lock-turn',
    without: 'the next holder of a lock has the turn of the one before',
    edits: [
      {
        file: 'shared/kubernetes/service-lock.ts',
        find: 'const turn = (cell?.value.turn ?? 0) + 1;',
        replace: 'const turn = cell?.value.turn ?? 1;',
      },
    ],
  },
  {
    name: 'lock-holder-at-work',
    without: 'a lock is taken from somebody who works under it',
    edits: [
      {
        file: 'shared/kubernetes/service-lock.ts',
        find: 'if (present !== undefined && (await command.isAtWork(present)))',
        replace: 'if (present !== undefined && present.attempt < 0)',
      },
    ],
  },
  {
    name: 'lock-condition',
    without: 'a lock is taken though another took it since it was read',
    edits: [
      {
        file: 'shared/kubernetes/service-lock.ts',
        find: "(await locks.write({ key, value, expected: cell?.version ?? 'absent' }))",
        replace: "(await locks.write({ key, value, expected: (await locks.read({ key }))?.version ?? 'absent' }))",
      },
    ],
  },
  {
    name: 'sweep',
    without: 'nobody looks at what has not moved',
    edits: [
      {
        file: 'shared/use-cases/sweep-executions.ts',
        find: 'await sweepOne(ports, id);',
        replace: 'ports.clock.now();',
      },
    ],
  },
  {
    name: 'stop-swept-soon',
    without: 'a stop whose message was lost is looked at only when the wait that it was to end is over',
    edits: [
      {
        file: 'shared/core/execution.ts',
        find: "if (phase.is !== 'running' || stop !== undefined) return soon;",
        replace: "if (phase.is !== 'running') return soon;",
      },
    ],
  },
  {
    name: 'execution-id',
    without: 'a redelivered event starts another execution',
    edits: [
      {
        file: 'shared/use-cases/create-execution.ts',
        find: 'if (existing !== undefined) {',
        replace: "if (existing !== undefined && existing.value.phase.is !== 'ended') {",
      },
      {
        file: 'shared/use-cases/create-execution.ts',
        find: "{ document: 'execution', value: execution, expected: 'absent' },",
        replace: "{ document: 'execution', value: execution, expected: existing?.version ?? 'absent' },",
      },
    ],
  },
  {
    name: 'runs-before-execution',
    without: 'work is sent again from runs that are newer than the announcements sent with them',
    edits: [
      {
        file: 'shared/use-cases/send.ts',
        find: 'const runs = await ports.executions.readRuns({ execution: id });\n  const found = await ports.executions.readExecution({ id });',
        replace:
          'const found = await ports.executions.readExecution({ id });\n  const runs = await ports.executions.readRuns({ execution: id });',
      },
    ],
  },
];
