/** Every stage kind that there is, listed by hand. */
import { approve } from './approve/index.ts';
import { bake } from './bake/index.ts';
import { check } from './check/index.ts';
import { cloudBuild } from './cloud-build/index.ts';
import { container } from './container/index.ts';
import { deploy } from './deploy/index.ts';
import { find } from './find/index.ts';
import { githubWorkflow } from './github-workflow/index.ts';
import { jenkins } from './jenkins/index.ts';
import type { StageKind } from './kind.ts';
import { pipeline } from './pipeline/index.ts';
import { set } from './set/index.ts';
import { wait } from './wait/index.ts';
import { webhook } from './webhook/index.ts';

const KINDS: readonly StageKind[] = [
  approve,
  bake,
  check,
  cloudBuild,
  container,
  deploy,
  find,
  githubWorkflow,
  jenkins,
  pipeline,
  set,
  wait,
  webhook,
];

/** The stage kinds by the name that `uses` gives. */
export function stageKinds(): ReadonlyMap<string, StageKind> {
  return new Map(KINDS.map((kind) => [kind.kind, kind]));
}
