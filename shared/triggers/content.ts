/** What a message or a call carries, in the format that its trigger says: JSON, text, CloudEvents or CDEvents. */
import { z } from 'zod';
import type { Json } from '../core/json.ts';
import type { ImageDefinition } from '../pipeline/schema.ts';
import { isDigest, isTag, normalizeRepository } from '../registry/reference.ts';
import { type Condition, condition } from './condition.ts';
import { celText, type EventData, pick } from './event-cel.ts';
import type { EventImage } from './event-fields.ts';
import { imageConditions } from './image/image-condition.ts';
import { depthOfJson, MAXIMUM_JSON_DEPTH } from './json-depth.ts';
import { imageOf } from './trigger-fields.ts';

export const FORMATS = ['json', 'text', 'cloudevents', 'cdevents'] as const;
export type Format = (typeof FORMATS)[number];

const CDEVENTS_PUBLISHED = /^dev\.cdevents\.artifact\.published\.\d/;

/** Where the image of an event is found; with format cdevents it is the artifact that was published. */
export const imageSchema = z
  .union([
    imageOf,
    z.strictObject({
      name: imageOf.describe('The name, under images, of the image that the event is about'),
      repository: celText.optional().describe('CEL that gives its repository; by default it is the one under images'),
      tag: celText.describe('CEL that gives its tag: data.data.tag'),
      digest: celText.optional().describe('CEL that gives its digest; without it the registry is asked'),
    }),
  ])
  .describe('The image that the event is about, which is then pinned');
type ImageSource = z.output<typeof imageSchema>;

/** What is wrong with the choice of format and image, or undefined. */
export function imageProblem(format: Format, image: ImageSource | undefined): string | undefined {
  if (typeof image === 'string' && format !== 'cdevents') {
    return `needs a tag beside the name: { name: ${image}, tag: data.tag }; only format: cdevents tells it itself`;
  }
  if (typeof image === 'object' && format === 'cdevents') {
    return `takes the name alone with format: cdevents, which tells the rest: image: ${image.name}`;
  }
  return undefined;
}

/** The name of the image that the trigger is about. */
export function nameOfImage(image: ImageSource | undefined): string | undefined {
  return typeof image === 'object' ? image.name : image;
}

export type Content = EventData | { readonly problem: string };

/** Reads data that came as text. `attributes` are the message's own; a CloudEvent's fields come beside them as `ce-…`. */
export function contentOf(format: Format, text: string, attributes: EventData['attributes'] = {}): Content {
  if (format === 'text') return { data: text, attributes };
  const isBinary = attributes['ce-specversion'] !== undefined;
  const isJson = format === 'json' || !isBinary || /json/.test(attributes['ce-datacontenttype'] ?? 'json');
  const parsed = isJson ? parseJson(text) : { value: text };
  if ('problem' in parsed) return parsed;
  return contentOfJson(format, parsed.value, attributes);
}

/** As `contentOf`, for data that is JSON already. */
export function contentOfJson(format: Format, value: Json, attributes: EventData['attributes'] = {}): Content {
  if (format === 'json' || format === 'text') return { data: value, attributes };
  const event = cloudEvent.safeParse(value);
  if (event.success) {
    const { data, data_base64: _encoded, ...rest } = event.data;
    const fields = Object.entries(rest).flatMap(([name, field]) =>
      typeof field === 'string' ? [[`ce-${name}`, field] as const] : [],
    );
    return { data: (data ?? null) as Json, attributes: { ...attributes, ...Object.fromEntries(fields) } };
  }
  if (attributes['ce-specversion'] !== undefined) return { data: value, attributes };
  // A CDEvent has all that it says in its own context, so it may come without the envelope.
  if (format === 'cdevents' && cdEvent.safeParse(value).success) return { data: value, attributes };
  return { problem: `the content is no ${format === 'cdevents' ? 'CDEvent' : 'CloudEvent'}` };
}

function parseJson(text: string): { readonly value: Json } | { readonly problem: string } {
  if (depthOfJson(text) > MAXIMUM_JSON_DEPTH) {
    return { problem: `the content has values within values more than ${MAXIMUM_JSON_DEPTH} deep` };
  }
  try {
    return { value: z.json().parse(JSON.parse(text)) as Json };
  } catch (error) {
    const why = error instanceof Error ? error.message.slice(0, 100) : 'it cannot be read';
    return { problem: `the content is not JSON: ${why}` };
  }
}

const cloudEvent = z.looseObject({
  specversion: z.string(),
  id: z.string(),
  source: z.string(),
  type: z.string(),
  data: z.json().optional(),
  data_base64: z.string().optional(),
});
const cdEvent = z.object({
  context: z.object({ type: z.string() }),
  subject: z.object({ id: z.string() }),
});

/** The image of the event, or why it tells none. */
export function imageFrom(
  image: ImageSource,
  event: EventData,
  declared: ImageDefinition | undefined,
): EventImage | { readonly problem: string } {
  if (typeof image === 'string') return published(event.data);
  const picked = { repository: declared?.repository ?? '', tag: '', digest: '' };
  for (const field of ['repository', 'tag', 'digest'] as const) {
    const source = image[field];
    if (source === undefined) continue;
    const value = pick(source, event);
    if ('problem' in value) return { problem: `${field}: ${source}: ${value.problem}` };
    if (typeof value.value !== 'string') return { problem: `${field}: ${source} gives no text` };
    picked[field] = value.value;
  }
  return checkedImage(picked);
}

function checkedImage(given: { repository: string; tag: string; digest: string }): EventImage | { problem: string } {
  if (!isTag(given.tag)) return { problem: `"${given.tag}" is no tag` };
  if (given.digest !== '' && !isDigest(given.digest)) return { problem: `"${given.digest}" is no digest` };
  const repository = normalizeRepository(given.repository);
  return { repository, tag: given.tag, ...(given.digest === '' ? {} : { digest: given.digest }) };
}

/** The image of CDEvents' artifact.published, which is named by a package URL: `pkg:oci/app@sha256%3A…?repository_url=…`. */
function published(data: Json): EventImage | { readonly problem: string } {
  const event = cdEvent.safeParse(data);
  if (!event.success) return { problem: 'the content is no CDEvent' };
  const { context, subject } = event.data;
  if (!CDEVENTS_PUBLISHED.test(context.type)) return { problem: `${context.type} is not artifact.published` };
  const [, version, query] = /^pkg:(?:oci|docker)\/[^@?]+(?:@([^?]*))?(?:\?(.*))?$/.exec(subject.id) ?? [];
  const qualifiers = new URLSearchParams(query ?? '');
  const repository = qualifiers.get('repository_url');
  if (repository === null) return { problem: `${subject.id} names no repository_url` };
  const pinned = version === undefined ? '' : (decoded(version) ?? '');
  const tag = qualifiers.get('tag') ?? (isDigest(pinned) ? undefined : pinned);
  if (tag === undefined || tag === '') return { problem: `${subject.id} names no tag` };
  return checkedImage({ repository, tag, digest: isDigest(pinned) ? pinned : '' });
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

/** The conditions of the image that an event carries. */
export function contentImageConditions(
  image: ImageSource | undefined,
  event: EventData,
  images: { readonly [name: string]: ImageDefinition },
): Condition[] {
  const name = nameOfImage(image);
  if (image === undefined || name === undefined) return [];
  const declared = images[name];
  const given = imageFrom(image, event, declared);
  if (!('problem' in given)) return imageConditions(declared, given);
  return [
    condition({ condition: 'image', wanted: name, got: given.problem, met: false, text: `image: ${given.problem}` }),
  ];
}
