/** The mends of what waits for people, windows, far ends and other pipelines, each taken out again. */
import type { Mutant } from './mutants.ts';

export const FLOW_MUTANTS: readonly Mutant[] = [
  {
    name: 'freeze-scope',
    without: 'a freeze of a team, a pipeline or a target holds nothing',
    scene: 'flow',
    edits: [
      {
        file: 'shared/use-cases/holds/judge.ts',
        find: 'scopes.includes(freeze.scope) && isInForce(freeze, now)',
        replace: "freeze.scope === 'all' && isInForce(freeze, now)",
      },
    ],
  },
  {
    name: 'pause',
    without: 'a pause is overridden by nobody and holds nothing',
    scene: 'flow',
    edits: [
      {
        file: 'shared/use-cases/holds/judge.ts',
        find: 'if (paused !== undefined) return byPause(paused);',
        replace: 'if (paused !== undefined && isOverridden) return byPause(paused);',
      },
    ],
  },
  {
    name: 'window',
    without: 'a stage begins outside the windows',
    scene: 'flow',
    edits: [
      {
        file: 'shared/use-cases/holds/judge.ts',
        find: 'return byWindow(windowsOf(holds, beginner), beginner, now);',
        replace: 'return undefined;',
      },
    ],
  },
  {
    name: 'looks-again',
    without: 'a held stage looks again only when it is told to',
    scene: 'flow',
    edits: [
      {
        file: 'shared/use-cases/holds/before-step.ts',
        find: 'until: Math.min(found.until ?? Number.POSITIVE_INFINITY, now + LOOK_AGAIN_MS),',
        replace: 'until: now + 100 * LOOK_AGAIN_MS,',
      },
    ],
  },
  {
    name: 'lost-beginner',
    without: 'a stage whose first worker was lost is held as if it had begun nothing',
    scene: 'flow',
    edits: [
      {
        file: 'shared/use-cases/holds/before-step.ts',
        find: 'if (run.tries > 1) {',
        replace: 'if (run.tries > 1_000) {',
      },
    ],
  },
  {
    name: 'held-in-turns',
    from: 1_000,
    without: 'a stage that was held then and is held now counts as held in between',
    scene: 'flow',
    edits: [
      {
        file: 'shared/use-cases/holds/before-step.ts',
        find: '{ since, now }, overridden',
        replace: '{ since, now: since }, overridden',
      },
    ],
  },
  {
    name: 'skip-lays-to-rest',
    without: 'what a skipped stage has begun goes on',
    scene: 'flow',
    edits: [
      {
        file: 'shared/use-cases/holds/before-step.ts',
        find: 'if (!isBegun) return {',
        replace: 'if (isBegun || !isBegun) return {',
      },
    ],
  },
  {
    name: 'skip-never-anew',
    without: 'a skipped stage that cannot be brought to rest at once is attempted anew',
    scene: 'flow-of-failures',
    edits: [
      {
        file: 'shared/use-cases/holds/before-step.ts',
        find: "then: outcome.then === 'giveUp' || repeats >= MAXIMUM_REPEATS ? 'giveUp' : 'sameStep'",
        replace: 'then: outcome.then',
      },
    ],
  },
  {
    name: 'own-cursor',
    without: 'a kind is given what stands around its cursor',
    scene: 'flow',
    edits: [
      {
        file: 'shared/use-cases/holds/before-step.ts',
        find: "return { is: 'run', run: inner(run, cursorOfKind(run)) };",
        replace: "return { is: 'run', run };",
      },
      {
        file: 'shared/use-cases/holds/before-step.ts',
        find: "return { is: 'lay-to-rest', run: inner(run, cursor), wish };",
        replace: "return { is: 'lay-to-rest', run, wish };",
      },
    ],
  },
  {
    name: 'decision-once',
    without: 'an approval counts as often as it is sent',
    scene: 'flow',
    edits: [
      {
        file: 'shared/stages/approve/rules.ts',
        find: 'if (decisions.some((one) => one.person === person.name)) {',
        replace: 'if (decisions.length > 1_000) {',
      },
      {
        file: 'shared/stages/approve/step.ts',
        find: 'if (cursor.approvals.some(({ person }) => person === decision.person)) return',
        replace: 'if (cursor.approvals.length > 1_000) return',
      },
      {
        file: 'shared/use-cases/decide-stage.ts',
        find: '{ name: DECISION_SIGNAL, id: ',
        replace: '{ name: DECISION_SIGNAL, id: ports.random.id() + ',
      },
    ],
  },
  {
    name: 'decision-before-time-out',
    without: 'an approval is over by its clock, whatever decisions wait',
    scene: 'approvals',
    edits: [
      {
        file: 'shared/stages/approve/step.ts',
        find: 'const asked = nextLook(parameters, cursor.since, now);',
        replace:
          'if (now >= decideUntil(parameters, cursor.since)) return timedOut(parameters, cursor, context); const asked = nextLook(parameters, cursor.since, now);',
      },
    ],
  },
  {
    name: 'decision-in-hand',
    without: 'a decision that a step is counting at this moment is not seen',
    scene: 'flow',
    edits: [
      {
        file: 'shared/use-cases/decide-stage.ts',
        find: '[...mail, state.input.signal] : mail',
        replace: 'mail : mail',
      },
    ],
  },
  {
    name: 'self-approval',
    without: 'whoever started an execution approves it',
    scene: 'flow',
    edits: [
      {
        file: 'shared/stages/approve/rules.ts',
        find: "if (isOwn && !parameters['self-approval']) {",
        replace: "if (isOwn && parameters['self-approval']) {",
      },
    ],
  },
  {
    name: 'one-child',
    without: 'a stage that asks again asks for another execution',
    scene: 'flow',
    edits: [
      {
        file: 'shared/stages/pipeline/step.ts',
        find: 'const key = requestKey(context);',
        replace: "const key = requestKey(context) + (context.tries > 1 ? '/again' : '');",
      },
    ],
  },
  {
    name: 'cancel-goes-down',
    without: 'what a cancelled stage has started goes on',
    scene: 'flow',
    edits: [
      {
        file: 'shared/stages/pipeline/stop.ts',
        find: 'if (child?.end !== undefined) return',
        replace: 'if (child !== undefined) return',
      },
    ],
  },
];
