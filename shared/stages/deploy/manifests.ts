/** Makes of the plan's rendered manifests what this stage applies: chosen, pinned, in a namespace, in order. */
import { z } from 'zod';
import { inApplyOrder } from '../../kubernetes/apply-order.ts';
import { pinnedReference, substituteImages } from '../../kubernetes/images.ts';
import { isClusterKind } from '../../kubernetes/objects.ts';
import type { Manifest } from '../../ports/cluster.ts';
import { type StageContext, TerminalError } from '../kind.ts';
import { type DeployParameters, MAXIMUM_OBJECTS, type Selector } from './schema.ts';

/** Only what is read here; everything else of a manifest goes to the cluster as it is. */
const renderedManifests = z.array(
  z.looseObject({
    apiVersion: z.string().min(1),
    kind: z.string().min(1),
    metadata: z.looseObject({
      name: z.string().min(1),
      namespace: z.string().optional(),
      labels: z.record(z.string(), z.string()).optional(),
      annotations: z.record(z.string(), z.string()).optional(),
    }),
  }),
);

/** Throws TerminalError where there is nothing to apply, or a declared image is in no manifest. */
export async function manifestsToApply(parameters: DeployParameters, context: StageContext): Promise<Manifest[]> {
  const rendered = await renderedManifestsOf(context);
  const { manifests, unused, repositories } = substituteImages({ manifests: rendered, images: context.images });
  if (unused.length > 0) {
    const missing = unused.map((name) => `${name} (${context.images[name]?.repository})`).join(', ');
    const there = repositories.length === 0 ? 'no images at all' : repositories.join(', ');
    throw new TerminalError(`putting the images into the manifests: none uses ${missing}; they use ${there}`);
  }
  const chosen = manifests.filter(
    (manifest) =>
      (parameters.select === undefined || parameters.select.some((selector) => fits(manifest, selector))) &&
      !parameters.except.some((selector) => fits(manifest, selector)),
  );
  if (chosen.length === 0) throw new TerminalError('choosing the manifests: no manifest fits select and except');
  if (chosen.length > MAXIMUM_OBJECTS) {
    throw new TerminalError(`choosing the manifests: ${chosen.length} are more than the limit of ${MAXIMUM_OBJECTS}`);
  }
  return inApplyOrder(chosen.map((manifest) => inNamespace(manifest, context.namespace)));
}

/** The pinned references by the images' names. */
export function pinnedImages(context: StageContext): { [name: string]: string } {
  return Object.fromEntries(Object.entries(context.images).map(([name, image]) => [name, pinnedReference(image)]));
}

async function renderedManifestsOf(context: StageContext): Promise<Manifest[]> {
  const hash = context.manifests;
  if (hash === undefined) throw new TerminalError('reading the manifests: the plan has none; add `manifests:`');
  const text = await context.blobs.get({ hash });
  if (text === undefined) throw new Error(`reading the manifests: the blob ${hash} is not there`);
  // The API server checks the rest; absent labels and annotations stay absent.
  return renderedManifests.parse(JSON.parse(text)) as Manifest[];
}

function fits(manifest: Manifest, selector: Selector): boolean {
  return (
    (selector.kind === undefined || selector.kind === manifest.kind) &&
    (selector.name === undefined || selector.name === manifest.metadata.name)
  );
}

function inNamespace(manifest: Manifest, namespace: string): Manifest {
  if (manifest.metadata.namespace !== undefined || isClusterKind(manifest.kind)) return manifest;
  return { ...manifest, metadata: { ...manifest.metadata, namespace } };
}
