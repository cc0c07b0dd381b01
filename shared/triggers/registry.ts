/** Every source that there is, listed by hand. */
import { artifactRegistry } from './artifact-registry/source.ts';
import { bitbucket } from './bitbucket/source.ts';
import { cloudBuild } from './cloud-build/source.ts';
import { dockerDistribution } from './docker-distribution/source.ts';
import { dockerHub } from './docker-hub/source.ts';
import { gitHook } from './git/source.ts';
import { github } from './github/source.ts';
import { gitlab } from './gitlab/source.ts';
import { gitlabRegistry } from './gitlab-registry/source.ts';
import { harbor } from './harbor/source.ts';
import { jenkins } from './jenkins/source.ts';
import { pubsub } from './pubsub/source.ts';
import { quay } from './quay/source.ts';
import type { HttpSource, MessageSource } from './source.ts';
import { cloudStorage } from './storage/source.ts';

/** Where a source departs from what its sender says. */
export type SourceOptions = {
  /** The names of registries by the host that they report; see `dockerDistribution`. */
  readonly registryHosts?: { readonly [reported: string]: string };
};

/** The sources that are called by HTTP, by their part of the path. */
export function httpSources(options: SourceOptions = {}): ReadonlyMap<string, HttpSource> {
  const hosts = options.registryHosts;
  const renamed = hosts === undefined ? {} : { hosts };
  const sources = [
    dockerDistribution(renamed),
    dockerHub,
    gitlabRegistry(renamed),
    quay,
    harbor,
    github,
    gitlab,
    bitbucket,
    gitHook,
    jenkins,
  ];
  return new Map(sources.map((source) => [source.path, source]));
}

/** The sources whose messages come by a subscription, by name. */
export function messageSources(): ReadonlyMap<string, MessageSource> {
  return new Map([artifactRegistry, cloudBuild, cloudStorage, pubsub].map((source) => [source.name, source]));
}
