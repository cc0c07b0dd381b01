/** A stage kind whose parameters say what each of its steps does. Recorded histories in test/stored rely on its schemas. */
import { z } from 'zod';
import type { Outcome } from '../../shared/core/run.ts';
import { type StageContext, type StageKind, TerminalError } from '../../shared/stages/kind.ts';

const STEPS = ['again', 'wait', 'signal', 'retry', 'repeat', 'fail'] as const;
export type ScriptedStep = (typeof STEPS)[number];

const parameters = z.object({ script: z.array(z.enum(STEPS)) });
const cursor = z.object({ at: z.number().int(), signals: z.array(z.string()) });
const outputs = z.object({ steps: z.number().int(), signals: z.array(z.string()) });
type Cursor = z.infer<typeof cursor>;

export const SCRIPTED_WAIT_MS = 10 * 60_000;
export const SCRIPTED_SIGNAL_MS = 30 * 60_000;

function act(step: ScriptedStep, next: Cursor, context: StageContext): Outcome<Cursor, never> {
  const unblock = `gennaker cancel ${context.execution}`;
  const now = context.clock.now();
  switch (step) {
    case 'again':
      return { is: 'again', cursor: next };
    case 'wait': {
      const reason = { code: 'time-not-reached', text: 'It waits ten minutes.', unblock } as const;
      return { is: 'waiting', for: { until: now + SCRIPTED_WAIT_MS }, cursor: next, reason };
    }
    case 'signal': {
      const reason = { code: 'signal-not-received', text: 'It waits for go.', unblock } as const;
      return { is: 'waiting', for: { signal: 'go', until: now + SCRIPTED_SIGNAL_MS }, cursor: next, reason };
    }
    case 'retry':
      if (context.attempt === 1) throw new Error('The first attempt fails.');
      return { is: 'again', cursor: next };
    case 'repeat': {
      if (context.tries > 1) return { is: 'again', cursor: next };
      const reason = { code: 'remote-unreachable', text: 'The far end does not answer.' } as const;
      return { is: 'failed', reason, then: 'sameStep' };
    }
    case 'fail':
      throw new TerminalError('This can never work.');
  }
}

/** The kind `scripted`, and the keys of the steps that it was asked to do, in order; those of stop steps begin with `stop `. */
export function scriptedKind(): { readonly kind: StageKind; readonly done: readonly string[] } {
  const done: string[] = [];
  const kind: StageKind<z.infer<typeof parameters>, Cursor, z.infer<typeof outputs>> = {
    kind: 'scripted',
    description: 'Does what its script says.',
    target: 'none',
    with: parameters,
    cursor,
    outputs,
    async step({ script }, at, context) {
      done.push(context.key);
      const from = at.cursor ?? { at: 0, signals: [] };
      const signals = at.input.by === 'signal' ? [...from.signals, at.input.signal.id] : from.signals;
      const step = script[from.at];
      if (step === undefined) return { is: 'succeeded', outputs: { steps: from.at, signals } };
      return act(step, { at: from.at + 1, signals }, context);
    },
    async stop(_given, _at, context) {
      done.push(`stop ${context.key}`);
      return { is: 'succeeded', outputs: null };
    },
  };
  return { kind, done };
}
