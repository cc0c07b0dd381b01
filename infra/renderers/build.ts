/**
 * Builds the real kustomize and helm from their Go modules for the tests. Run it with `node infra/renderers/build.ts`;
 * the first run takes a few minutes on two cores, and a later one does nothing.
 */
import { rendererPrograms } from './binaries.ts';

console.log(rendererPrograms.build());
