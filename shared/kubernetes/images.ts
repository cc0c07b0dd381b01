/** Puts a pipeline's pinned images into manifests, so that what runs is exactly what was planned. */
import type { PinnedImage } from '../core/plan.ts';
import type { Manifest } from '../ports/cluster.ts';
import { normalizeRepository } from '../registry/reference.ts';
import type { Container, PodSpec, PodTemplate } from './objects.ts';

/** The parts of an image's reference. */
export type ImageReference = { readonly repository: string; readonly tag?: string; readonly digest?: string };

/** Manifests with the images put in, and what was declared but is used by none of them. */
export type Substituted = {
  readonly manifests: Manifest[];
  /** Names of declared images, in their order. */
  readonly unused: string[];
  /** The repositories that the manifests do use, to say so where one was mistyped. */
  readonly repositories: string[];
};

/**
 * The reference of a pinned image: `repository:tag@sha256:…`. The digest alone decides what runs; the tag stays for
 * whoever reads the manifest or the pod.
 */
export function pinnedReference(image: PinnedImage): string {
  return `${image.repository}${image.tag === '' ? '' : `:${image.tag}`}@${image.digest}`;
}

/** Replaces every container's and init container's image of a declared repository, whatever its tag or digest. */
export function substituteImages(query: {
  manifests: readonly Manifest[];
  images: { readonly [name: string]: PinnedImage };
}): Substituted {
  const declared = Object.entries(query.images).map(([name, image]) => ({
    name,
    image,
    repository: normalizeRepository(image.repository),
  }));
  const used = new Set<string>();
  const repositories = new Set<string>();
  const replace = (container: Container): Container => {
    if (container.image === undefined) return container;
    const { repository } = parseImage(container.image);
    repositories.add(repository);
    const match = declared.find((one) => one.repository === normalizeRepository(repository));
    if (match === undefined) return container;
    used.add(match.name);
    return { ...container, image: pinnedReference(match.image) };
  };
  const manifests = query.manifests.map((manifest) => replaceContainers(manifest, replace));
  const unused = declared.filter(({ name }) => !used.has(name)).map(({ name }) => name);
  return { manifests, unused, repositories: [...repositories].sort() };
}

/** `host:5000/team/app:1.2@sha256:…` in its parts; the colon of a port is no tag's. */
export function parseImage(image: string): ImageReference {
  const [named = '', digest] = image.split('@', 2);
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/');
  return {
    repository: hasTag ? named.slice(0, colon) : named,
    ...(hasTag ? { tag: named.slice(colon + 1) } : {}),
    ...(digest === undefined ? {} : { digest }),
  };
}

function replaceContainers(manifest: Manifest, replace: (container: Container) => Container): Manifest {
  const spec = manifest.spec as (PodHolder & PodSpec) | undefined;
  if (spec === undefined || spec === null) return manifest;
  if (manifest.kind === 'Pod') return { ...manifest, spec: replaceIn({ spec }, replace).spec };
  const jobTemplate = spec.jobTemplate?.spec?.template;
  if (manifest.kind === 'CronJob' && jobTemplate !== undefined) {
    const job = { ...spec.jobTemplate?.spec, template: replaceIn(jobTemplate, replace) };
    return { ...manifest, spec: { ...spec, jobTemplate: { ...spec.jobTemplate, spec: job } } };
  }
  if (spec.template === undefined) return manifest;
  return { ...manifest, spec: { ...spec, template: replaceIn(spec.template, replace) } };
}

type PodHolder = {
  readonly template?: PodTemplate;
  readonly jobTemplate?: { readonly spec?: { readonly template?: PodTemplate } };
};

function replaceIn(template: PodTemplate, replace: (container: Container) => Container): PodTemplate {
  const { spec } = template;
  if (spec === undefined) return template;
  const { containers, initContainers } = spec;
  return {
    ...template,
    spec: {
      ...spec,
      ...(Array.isArray(containers) ? { containers: containers.map(replace) } : {}),
      ...(Array.isArray(initContainers) ? { initContainers: initContainers.map(replace) } : {}),
    },
  };
}
