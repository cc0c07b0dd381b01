/** Whether a trigger takes an event, with the sentence for people where it does not. */
import type { SettledDefinition } from '../pipeline/settle.ts';
import type { Compared } from '../ports/inbox.ts';
import { conditionsOf } from '../triggers/matching.ts';
import type { SourceEvent } from '../triggers/source.ts';

/** `text` says why the trigger does not take the event; absent where it does. */
export function matchTrigger(
  definition: Pick<SettledDefinition, 'pipeline' | 'on' | 'images'>,
  index: number,
  event: SourceEvent,
): { readonly conditions: readonly Compared[]; readonly text?: string } {
  const all = conditionsOf(definition, index, event);
  const unmet = all.find(({ met }) => !met);
  const conditions = all.map(({ text: _text, ...compared }) => compared);
  return unmet === undefined ? { conditions } : { conditions, text: unmet.text };
}
