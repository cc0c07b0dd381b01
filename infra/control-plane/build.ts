/**
 * Builds a real Kubernetes control plane and the Cloud Tasks emulator from their Go modules, because the tests
 * run where there is no container engine. Run it with `node infra/control-plane/build.ts`; the first run takes
 * about a quarter of an hour on two cores, and a later one does nothing.
 */
import { controlPlanePrograms } from './binaries.ts';

console.log(controlPlanePrograms.build());
