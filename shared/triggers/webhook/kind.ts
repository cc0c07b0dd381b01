/** Calls of webhooks of a team's own: found by path and verification, filtered by what they carry. */
import type { Json } from '../../core/json.ts';
import { ANY, TEXT } from '../../pipeline/expressions/types.ts';
import { type InputDeclaration, sentencesOf, valueProblems } from '../../pipeline/inputs.ts';
import { isRecord } from '../../pipeline/yaml-file.ts';
import { type Condition, condition } from '../condition.ts';
import { contentImageConditions, contentOfJson, imageFrom, nameOfImage } from '../content.ts';
import { type EventData, pick, whereCondition } from '../event-cel.ts';
import type { EventImage } from '../event-fields.ts';
import { IMAGE_TYPE, imageData } from '../image/kind.ts';
import type { SourceEvent } from '../source.ts';
import type { TriggerKind, TriggerSurroundings } from '../trigger-kind.ts';
import type { WebhookTrigger } from './schema.ts';
import { verificationOf } from './verify.ts';

/** Under this key a call finds the triggers that say how it is to be verified. */
export function hookKey(path: string): string {
  return `hook:${path}`;
}

/** Under this key a verified call finds the triggers that trust its sender. */
export function webhookKey(path: string, verification: string): string {
  return `webhook:${path}:${verification}`;
}

function contentFor({ webhook }: WebhookTrigger, event: SourceEvent): EventData | { problem: string } | undefined {
  if (event.type !== 'webhook-called') return undefined;
  const content = contentOfJson(webhook.format, event.call.data);
  return 'problem' in content ? content : { ...content, headers: event.call.headers };
}

function imageFor(
  trigger: WebhookTrigger,
  content: EventData,
  images: TriggerSurroundings['images'],
): EventImage | undefined {
  const { image } = trigger.webhook;
  const found = image === undefined ? undefined : imageFrom(image, content, images[nameOfImage(image) ?? '']);
  return found === undefined || 'problem' in found ? undefined : found;
}

export const webhookTrigger: TriggerKind<WebhookTrigger> = {
  key: 'webhook',
  fields: {
    data: ANY,
    headers: { is: 'map', of: TEXT },
    fields: { is: 'map', of: ANY },
    image: IMAGE_TYPE,
  },
  keysOf({ webhook }) {
    const verification = verificationOf(webhook);
    return verification === undefined ? [] : [hookKey(webhook.path), webhookKey(webhook.path, verification)];
  },
  conditionsOf(trigger, event, { images }) {
    const content = contentFor(trigger, event);
    if (content === undefined) return [];
    const { format, schema, where, image } = trigger.webhook;
    if ('problem' in content) {
      const { problem } = content;
      return [condition({ condition: 'format', wanted: format, got: problem, met: false, text: problem })];
    }
    return [
      ...schemaConditions(schema, content.data),
      ...whereCondition(where, content),
      ...contentImageConditions(image, content, images),
    ];
  },
  imagesOf(trigger, event, { images }) {
    const content = contentFor(trigger, event);
    const name = nameOfImage(trigger.webhook.image);
    if (content === undefined || 'problem' in content || name === undefined) return {};
    const image = imageFor(trigger, content, images);
    return image === undefined ? {} : { [name]: image };
  },
  dataOf(trigger, event, { images }) {
    const content = contentFor(trigger, event);
    if (content === undefined || 'problem' in content) return {};
    const picked = Object.entries(trigger.webhook.fields ?? {}).flatMap(([name, source]): [string, Json][] => {
      const found = pick(source, content);
      return 'problem' in found ? [] : [[name, found.value]];
    });
    const image = imageFor(trigger, content, images);
    return {
      data: content.data,
      headers: { ...content.headers },
      fields: Object.fromEntries(picked),
      ...(image === undefined ? {} : { image: imageData(image) }),
    };
  },
};

type Declarations = { readonly [name: string]: InputDeclaration };

function schemaConditions(schema: Declarations | undefined, data: Json): Condition[] {
  if (schema === undefined) return [];
  const problems = sentencesOf(
    valueProblems(known(data, { type: 'object', fields: schema }), asObject(schema), ['data']),
  );
  const got = problems.join('; ') || 'all of it';
  return [
    condition({
      condition: 'schema',
      wanted: Object.keys(schema).join(', '),
      got,
      met: problems.length === 0,
      text: got,
    }),
  ];
}

function asObject(fields: Declarations): InputDeclaration {
  return { type: 'object', fields };
}

/** The value without what the declaration does not know: senders add fields as they go. */
function known(value: Json, declaration: InputDeclaration): unknown {
  const { fields, of } = declaration;
  if (Array.isArray(value) && of !== undefined) return value.map((item: Json) => known(item, of));
  if (declaration.type !== 'object' || fields === undefined || !isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, field]) =>
      Object.hasOwn(value, name) ? [[name, known(value[name] as Json, field)]] : [],
    ),
  );
}
