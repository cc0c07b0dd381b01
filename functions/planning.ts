/** What functions need that check, plan and start pipelines. */
import { artifactRegistryLogin, configuredClusters } from '../shared/adapters/google/clusters.ts';
import { allowedRegistries, registryTagResolver } from '../shared/registry/resolver.ts';
import type { PlanPipelinesPorts } from '../shared/use-cases/plan-pipelines.ts';
import { libraryOf } from '../shared/use-cases/templates/library.ts';
import { lockedTemplates } from '../shared/use-cases/templates/locked.ts';
import type { Container } from './container.ts';

export async function planningOf({
  settings,
  google,
  state,
  renderer,
  kinds,
}: Container): Promise<PlanPipelinesPorts & Container['google'] & Container['state']> {
  return {
    ...google,
    ...state,
    kinds: await kinds(),
    targets: Object.entries(settings.targets).map(([name, { labels }]) => ({ name, labels })),
    resolver: registryTagResolver({
      login: artifactRegistryLogin,
      allow: allowedRegistries(settings.allowedHosts, settings.registryHosts),
    }),
    clusterOf: configuredClusters(settings.targets),
    renderer,
    openLibrary: libraryOf(google),
    lockedTemplates: lockedTemplates(google),
  };
}
