/** Where far ends call back: the address itself is what allows it, so no token is asked for. */
import { CALLBACK_SIGNAL } from '../../shared/stages/webhook/step.ts';
import type { Callbacks } from '../../shared/use-cases/callbacks.ts';
import { type ExecutionCommands, signalValue } from './executions.ts';
import { json, Refusal, readBody } from './http.ts';
import type { Route } from './router.ts';

export type CallbackOptions = {
  /** Absent where no key is configured; then nobody can call back. */
  readonly callbacks?: Callbacks | undefined;
};

export function callbackRoutes(options: CallbackOptions & Pick<ExecutionCommands, 'signalStage'>): readonly Route[] {
  const { callbacks } = options;
  if (callbacks === undefined) return [];
  return [
    {
      method: 'POST',
      pattern: '/callbacks/:execution/:stage/:attempt/:proof',
      access: 'anyone',
      async handle(request) {
        const { execution = '', stage = '', attempt: text = '', proof = '' } = request.parameters;
        const attempt = Number(text);
        if (!callbacks.isOurs({ execution, stage, attempt }, proof)) {
          throw new Refusal(404, 'not-found', 'This is no address that was given out for a call-back.');
        }
        const value = await readBody(request, signalValue);
        const signal = { id: `callback-${attempt}`, name: CALLBACK_SIGNAL, value };
        const answer = await options.signalStage({ execution, stage, attempt, signal });
        switch (answer.is) {
          case 'taken':
          case 'duplicate':
            return json(202, { is: answer.is });
          case 'tooLate':
          case 'ended':
            throw new Refusal(409, 'too-late', `Nothing waits for this call-back any more (${answer.is}).`);
          case 'full':
            throw new Refusal(429, 'full', 'Too many signals wait for this stage. Try again later.');
          case 'unknown':
            throw new Refusal(404, 'not-found', 'The stage that this call-back is for is not known.');
        }
      },
    },
  ];
}
