/** Names the programs that render manifests as the tests and the image have them, for the script that builds them. */
import { goPrograms } from '../go-programs.ts';

export const rendererPrograms = goPrograms({
  name: 'renderers',
  sourceFolder: import.meta.dirname,
  programs: [
    {
      name: 'kustomize',
      module: 'kustomize',
      package: 'sigs.k8s.io/kustomize/kustomize/v5',
      linkerFlags: '-s -w',
    },
    { name: 'helm', module: 'helm', package: 'helm.sh/helm/v4/cmd/helm', linkerFlags: '-s -w' },
  ],
});
