/** What a plan rests on, and what of it has changed since: a plan that no longer holds is refused with the reason. */
import { z } from 'zod';
import type { PinnedImage } from '../core/plan.ts';
import { pinnedReference } from '../kubernetes/images.ts';
import { canonicalJson } from '../pipeline/canonical.ts';
import { shortDigest } from './phrases.ts';

const MAXIMUM_NAMED = 200;
const hash = z.string().max(100);
const named = <T extends z.ZodType>(value: T) =>
  z
    .record(z.string().max(200), value)
    .refine((record) => Object.keys(record).length <= MAXIMUM_NAMED, `has more than ${MAXIMUM_NAMED} entries`);

/** Live objects are no part of it: a change of theirs voids nothing. */
export const planBasis = z.strictObject({
  pipeline: z.string().max(200),
  /** The hash of the checked definition. */
  definition: hash,
  /** The blob of the files beside the pipeline file; null where it names none. */
  files: hash.nullable(),
  /** Of the pipeline as it was applied when the plan was made; 0 where there was none of its name. */
  generation: z.int().min(0),
  /** The exact version of each template. */
  templates: named(z.string().max(100)),
  images: named(z.strictObject({ repository: z.string().max(500), tag: z.string().max(200), digest: hash })),
  inputs: named(z.json()),
  /** The blob of the rendered manifests; null where there are none. */
  manifests: hash.nullable(),
  /** The hash of the plan; null where it could not be made, because an image was not known yet. */
  plan: hash.nullable(),
});
export type PlanBasis = z.output<typeof planBasis>;

/** One sentence for each thing that is not as it was; empty where the plan still holds. */
export function changesSince(then: PlanBasis, now: PlanBasis): readonly string[] {
  const found: string[] = [];
  if (then.generation !== now.generation) {
    found.push(
      now.generation === 0
        ? `${then.pipeline} was removed since.`
        : then.generation === 0
          ? `${then.pipeline} was created since; it is at generation ${now.generation}.`
          : `${then.pipeline} was changed since: it was at generation ${then.generation}, and is at ${now.generation}.`,
    );
  }
  if (then.definition !== now.definition)
    found.push(`The pipeline ${then.pipeline} in the plan is not what was planned.`);
  if (then.files !== now.files) found.push(`The files beside ${then.pipeline} in the plan are not what was planned.`);
  for (const name of namesOf(then.templates, now.templates)) {
    const [from, to] = [own(then.templates, name), own(now.templates, name)];
    if (from !== to) found.push(`The template ${name} was ${from ?? 'not used'}, and is ${to ?? 'not used any more'}.`);
  }
  for (const name of namesOf(then.images, now.images)) {
    const [from, to] = [own(then.images, name), own(now.images, name)];
    if (referenceOf(from) !== referenceOf(to)) found.push(`The image ${name} was ${told(from)}, and is ${told(to)}.`);
  }
  if (canonicalJson(then.inputs) !== canonicalJson(now.inputs)) found.push('The inputs are not those of the plan.');
  if (found.length > 0) return found;
  if (then.manifests !== now.manifests) return [`The manifests of ${then.pipeline} are rendered differently now.`];
  if (then.plan !== now.plan) return [`The plan of ${then.pipeline} comes out differently now: ${hashes(then, now)}.`];
  return [];
}

function hashes(then: PlanBasis, now: PlanBasis): string {
  const one = ({ plan }: PlanBasis): string => (plan === null ? 'none' : shortDigest(plan));
  return `${one(then)} then, ${one(now)} now`;
}

function told(image: PinnedImage | undefined): string {
  return image === undefined ? 'not known' : `${image.tag} (${shortDigest(image.digest)})`;
}

function referenceOf(image: PinnedImage | undefined): string {
  return image === undefined ? '' : pinnedReference(image);
}

function namesOf(one: object, other: object): string[] {
  return Object.keys({ ...one, ...other }).sort();
}

function own<T>(record: { readonly [name: string]: T }, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
