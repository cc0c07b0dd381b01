/** Where the real kustomize and helm of the tests are: those that were built, and no others that the machine may have. */
import { rendererPrograms } from '../../infra/renderers/binaries.ts';
import { requirePart } from './require.ts';

/** Whether tests that need them run; see requirePart. */
export function requireRenderers(): boolean {
  const missing = rendererPrograms.missing();
  const why = `${missing.join(', ')} not built; run \`node infra/renderers/build.ts\` (needs Go)`;
  return requirePart('kustomize and helm', missing.length === 0, why);
}

/** What tells the product where they are. */
export const RENDERER_ENVIRONMENT = {
  GENNAKER_KUSTOMIZE: rendererPrograms.path('kustomize'),
  GENNAKER_HELM: rendererPrograms.path('helm'),
} as const;
