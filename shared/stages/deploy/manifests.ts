/** Makes of the manifests that a stage is given what it applies: chosen, pinned, in a namespace, in order. */
import { z } from 'zod';
import { beyondNamespaces } from '../../kubernetes/allowed-namespaces.ts';
import { inApplyOrder } from '../../kubernetes/apply-order.ts';
import { pinnedReference, substituteImages } from '../../kubernetes/images.ts';
import { isClusterKind } from '../../kubernetes/objects.ts';
import { objectSchema, withoutAbsent } from '../../pipeline/object-schema.ts';
import { describeObject, type Manifest } from '../../ports/cluster.ts';
import { type DeliveryContext, TerminalError } from '../kind.ts';
import { type DeployParameters, MAXIMUM_OBJECTS, type Selector } from './schema.ts';

const renderedManifests = z.array(objectSchema);

/**
 * Throws TerminalError where there is nothing to apply, an object is given twice, a declared image is in no manifest, or
 * an object lies outside of the namespaces that the stage is held to.
 */
export async function manifestsToApply(parameters: DeployParameters, context: DeliveryContext): Promise<Manifest[]> {
  const given = await manifestsGiven(parameters, context);
  const { manifests, unused, repositories } = substituteImages({ manifests: given, images: context.images });
  // What a stage names for itself may be for some of the pipeline's images only.
  if (unused.length > 0 && deliversThePlans(parameters)) {
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
  const placed = chosen.map((manifest) => inNamespace(manifest, context.namespace));
  refuseTwins(placed);
  refuseForbidden(placed, context.namespaces);
  return inApplyOrder(placed);
}

/** Whether a stage with these parameters applies the plan's manifests, and none that it names for itself. */
export function deliversThePlans(parameters: { readonly manifests?: unknown; readonly objects?: unknown }): boolean {
  return parameters.manifests === undefined && parameters.objects === undefined;
}

/** The pinned references by the images' names. */
export function pinnedImages(context: Pick<DeliveryContext, 'images'>): { [name: string]: string } {
  return Object.fromEntries(Object.entries(context.images).map(([name, image]) => [name, pinnedReference(image)]));
}

async function manifestsGiven(parameters: DeployParameters, context: DeliveryContext): Promise<Manifest[]> {
  if (deliversThePlans(parameters)) {
    if (context.manifests !== undefined) return manifestsIn(context.manifests, context);
    throw new TerminalError('reading the manifests: the plan has none; add `manifests:`');
  }
  const baked = parameters.manifests === undefined ? [] : await manifestsIn(parameters.manifests, context);
  return [...baked, ...inlineObjects(parameters)];
}

/** The objects that the parameters hold themselves, without those that are left out. */
export function inlineObjects({ objects = [] }: Pick<DeployParameters, 'objects'>): Manifest[] {
  return objects.flatMap((entry) => {
    if (!isConditional(entry)) return [withoutAbsent(entry)];
    return entry.when ? [withoutAbsent(entry.object)] : [];
  });
}

async function manifestsIn(hash: string, context: DeliveryContext): Promise<Manifest[]> {
  const text = await context.blobs.get({ hash });
  if (text === undefined) throw new Error(`reading the manifests: the blob ${hash} is not there`);
  return renderedManifests.parse(JSON.parse(text)).map(withoutAbsent);
}

type Inline = NonNullable<DeployParameters['objects']>[number];

function isConditional(entry: Inline): entry is Extract<Inline, { when: boolean }> {
  return 'when' in entry && !('apiVersion' in entry);
}

function refuseTwins(manifests: readonly Manifest[]): void {
  const seen = new Set<string>();
  for (const { apiVersion, kind, metadata } of manifests) {
    const name = describeObject({ kind, ...metadata });
    const key = `${apiVersion.split('/').slice(0, -1).join('/')} ${name}`;
    if (seen.has(key)) throw new TerminalError(`choosing the manifests: ${name} is given twice`);
    seen.add(key);
  }
}

function refuseForbidden(manifests: readonly Manifest[], namespaces: readonly string[] | undefined): void {
  if (namespaces === undefined) return;
  for (const manifest of manifests) {
    const sentence = beyondNamespaces(namespaces, manifest);
    if (sentence !== undefined) throw new TerminalError(`choosing the manifests: ${sentence}`);
  }
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
