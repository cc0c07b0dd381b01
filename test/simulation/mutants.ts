/** Each mend of the protocol taken out again: the simulation must notice every one. */

export type Mutant = {
  readonly name: string;
  /** What the code does without the mend. */
  readonly without: string;
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
        find: 'sweepAt: nextSweep(phase, stages, at),\n    ...(stop',
        replace: "sweepAt: phase.is === 'ended' ? undefined : nextSweep(phase, stages, at),\n    ...(stop",
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
        find: 'mayWrite: () => claim.held.still && !claim.signal.aborted && engine.clock.now() < leaseEnd,',
        replace: 'mayWrite: () => leaseEnd > 0,',
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
