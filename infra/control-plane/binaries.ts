/** Names the programs of the test control plane, for the script that builds them and the tests that run them. */
import { goPrograms } from '../go-programs.ts';

const kubernetesVersion = 'v1.34.4';

/** Without a version of its own, kubectl refuses to speak to the server; without `-s -w` the five programs take twice the disk. */
const kubernetesLinkerFlags = `-s -w -X k8s.io/component-base/version.gitVersion=${kubernetesVersion}`;

/** Smallest first, so that whoever needs only those does not wait for the API server. */
export const controlPlanePrograms = goPrograms({
  name: 'control-plane',
  sourceFolder: import.meta.dirname,
  programs: [
    {
      name: 'cloud-tasks-emulator',
      module: 'cloud-tasks',
      package: 'github.com/aertje/cloud-tasks-emulator',
      linkerFlags: '-s -w',
    },
    { name: 'etcd', module: 'etcd', package: 'go.etcd.io/etcd/server/v3', linkerFlags: '-s -w' },
    { name: 'kwok', module: 'kwok', package: 'sigs.k8s.io/kwok/cmd/kwok', linkerFlags: '-s -w' },
    ...['kube-scheduler', 'kube-apiserver', 'kube-controller-manager'].map((name) => ({
      name,
      module: 'kubernetes',
      package: `k8s.io/kubernetes/cmd/${name}`,
      linkerFlags: kubernetesLinkerFlags,
    })),
  ],
});

/** The path of a built program; it need not exist yet. */
export const programPath = controlPlanePrograms.path;

/** The names among those given (default: all programs) that are not built yet. */
export const missingPrograms = controlPlanePrograms.missing;
