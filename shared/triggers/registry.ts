/** Every source that there is, listed by hand. */
import { artifactRegistry } from './artifact-registry/source.ts';
import { dockerDistribution } from './docker-distribution/source.ts';
import { dockerHub } from './docker-hub/source.ts';
import { gitHook } from './git/source.ts';
import { github } from './github/source.ts';
import type { HttpSource, MessageSource } from './source.ts';

/** Where a source departs from what its sender says. */
export type SourceOptions = {
  /** The names of registries by the host that they report; see `dockerDistribution`. */
  readonly registryHosts?: { readonly [reported: string]: string };
};

/** The sources that are called by HTTP, by their part of the path. */
export function httpSources(options: SourceOptions = {}): ReadonlyMap<string, HttpSource> {
  const hosts = options.registryHosts;
  const sources = [dockerDistribution(hosts === undefined ? {} : { hosts }), dockerHub, github, gitHook];
  return new Map(sources.map((source) => [source.path, source]));
}

/** The sources whose messages come by a subscription, by name. */
export function messageSources(): ReadonlyMap<string, MessageSource> {
  return new Map([artifactRegistry].map((source) => [source.name, source]));
}
