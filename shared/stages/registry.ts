/** Every stage kind that there is, listed by hand. */
import { bake } from './bake/index.ts';
import { container } from './container/index.ts';
import { deploy } from './deploy/index.ts';
import type { StageKind } from './kind.ts';
import { wait } from './wait/index.ts';
import { webhook } from './webhook/index.ts';

const KINDS: readonly StageKind[] = [bake, container, deploy, wait, webhook];

/** The stage kinds by the name that `uses` gives. */
export function stageKinds(): ReadonlyMap<string, StageKind> {
  return new Map(KINDS.map((kind) => [kind.kind, kind]));
}
