/** The mends of what is sent, committed and acknowledged when, each taken out again. */
import type { Mutant } from './mutants.ts';

export const USE_CASE_MUTANTS: readonly Mutant[] = [
  {
    name: 'frozen',
    without: 'a stage begins although everything is frozen',
    scene: 'frozen',
    edits: [
      {
        file: 'shared/use-cases/holds/before-step.ts',
        find: 'if (outcome !== undefined) return',
        replace: 'if (outcome === null) return',
      },
    ],
  },
  {
    name: 'condition',
    without: 'a condition that only the execution can tell is not looked at',
    edits: [
      {
        file: 'shared/use-cases/stage-parameters.ts',
        find: "const isFirst = run.doing === 'forward' && run.step === 1;",
        replace: 'const isFirst = false;',
      },
    ],
  },
  {
    name: 'told',
    without: 'parameters are given to the kind as the plan has them',
    edits: [
      {
        file: 'shared/use-cases/run-step.ts',
        find: 'resolved.parameters',
        replace: 'stage.with',
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
    scene: 'slow-clocks',
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
    from: 325,
    without: 'a worker that was frozen after its claim begins a step for which there is no time left',
    edits: [
      {
        file: 'shared/use-cases/advance-execution.ts',
        find: 'if (engine.clock.now() >= claimed.at + engine.timing.stepMs) throw new StepNotBegun(work);',
        replace: '',
      },
      {
        file: 'shared/use-cases/run-step.ts',
        find: 'if (engine.clock.now() >= deadline) return tooLong(engine);',
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
        find: 'effect.turn, effect.at, engine.random.id()]),',
        replace: 'effect.turn, effect.at]),',
      },
    ],
  },
  {
    name: 'superseded-resends',
    without: 'a worker whose step was taken over acknowledges the last message with which the other works',
    scene: 'taken-over',
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
    from: 1723,
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
        find: "{ document: 'execution', value: execution, expected: 'absent' },\n      ...runsStarted(indexed, execution),",
        replace:
          "{ document: 'execution', value: execution, expected: existing?.version ?? 'absent' },\n      ...(existing === undefined ? runsStarted(indexed, execution) : []),",
      },
    ],
  },
  {
    name: 'runs-before-execution',
    from: 1448,
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
