/** What is known of a pipeline before anything has started it: enough to find what only templates and targets together make wrong. */
import type { JsonObject } from '../core/json.ts';
import type { PinnedImage, Plan } from '../core/plan.ts';
import { normalizeRepository } from '../registry/reference.ts';
import { type CompileCommand, compile } from './compile.ts';
import type { Definition } from './schema.ts';
import { type SettledDefinition, settle } from './settle.ts';

export type Outline = {
  readonly settled: SettledDefinition;
  /** With stand-ins for images. What rests on the trigger, or on inputs that nobody has given, stays open. */
  readonly plan: Plan;
};

/** Throws CannotSettle. */
export function outline(command: {
  readonly definition: Definition;
  readonly kinds: CompileCommand['kinds'];
  readonly templates: CompileCommand['templates'];
  /** Every target that there is; undefined takes any name. */
  readonly targets: CompileCommand['targets'];
  readonly inputs?: JsonObject;
}): Outline {
  const { definition, inputs = {}, ...usable } = command;
  const settled = settle({ definition, templates: usable.templates, inputs, isOpen: true });
  const plan = compile({ ...usable, definition: settled, images: standIns(settled), trigger: undefined });
  return { settled, plan };
}

/** Images of which nobody knows the digest yet. */
function standIns({ images }: Pick<SettledDefinition, 'images'>): { [name: string]: PinnedImage } {
  const digest = `sha256:${'0'.repeat(64)}`;
  return Object.fromEntries(
    Object.entries(images).map(([name, { repository }]) => [
      name,
      { repository: normalizeRepository(repository), tag: 'unknown', digest },
    ]),
  );
}
