/** A person asks for a pipeline to be run: the wish becomes a source event like any other. */
import type { JsonObject } from '../core/json.ts';
import { hasExpression } from '../pipeline/expressions/text.ts';
import { matchTag } from '../pipeline/image-filter.ts';
import { givenProblems, type InputDeclarations, sentencesOf, valueOfText } from '../pipeline/inputs.ts';
import { didYouMean, nearest } from '../pipeline/nearest.ts';
import { readDefinition } from '../pipeline/parse.ts';
import type { Definition } from '../pipeline/schema.ts';
import type { Bus } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import type { AppliedPipeline, Pipelines } from '../ports/pipelines.ts';
import { isTag, parseReference } from '../registry/reference.ts';
import { type ManualRequest, manualEvent, manualRequest } from '../triggers/manual/source.ts';
import { executionIdOf } from './engine.ts';
import { sourceEventMessage, TOPICS } from './messages.ts';

/** Pipelines whose names are looked through for one that was meant. */
const MAXIMUM_NAMES = 1_000;

export type RunAnswer =
  | { readonly is: 'accepted'; readonly event: string; readonly execution: string }
  | { readonly is: 'unknown'; readonly nearest?: string }
  /** What is wrong with the request, all of it, as sentences. */
  | { readonly is: 'wrong'; readonly problems: readonly string[] };

export type RunRequest = {
  readonly pipeline: string;
  /** Text stands for the value that its input's type makes of it. */
  readonly inputs: JsonObject;
  /** A tag, or a whole reference, by the image's name in the pipeline. */
  readonly images: { readonly [name: string]: string };
  readonly by: string;
};

/** `requestId` makes asking twice asking once. */
export async function requestRun(
  ports: { readonly pipelines: Pick<Pipelines, 'get' | 'list'>; readonly bus: Bus; readonly clock: Clock },
  command: RunRequest & { readonly requestId: string } & Pick<Parameters<typeof manualEvent>[0], 'chain' | 'people'>,
): Promise<RunAnswer> {
  const checked = await checkRun(ports.pipelines, command);
  if (checked.is !== 'right') return checked;
  const at = ports.clock.now();
  const { requestId: request, by, chain, people } = command;
  const event = manualEvent({ asked: checked.asked, request, by, at, chain, people });
  await ports.bus.publish({ topic: TOPICS.events, messages: [sourceEventMessage(event, event)] });
  return { is: 'accepted', event: event.id, execution: executionIdOf(command.pipeline, event.id) };
}

/** Holds the request against the pipeline as it is applied, so that nothing is started that can never run. */
export async function checkRun(
  pipelines: Pick<Pipelines, 'get' | 'list'>,
  { pipeline: name, inputs, images }: RunRequest,
): Promise<
  | { readonly is: 'right'; readonly pipeline: AppliedPipeline; readonly asked: ManualRequest }
  | Exclude<RunAnswer, { is: 'accepted' }>
> {
  const pipeline = await pipelines.get({ name });
  if (pipeline === undefined) {
    const known = await pipelines.list({ limit: MAXIMUM_NAMES });
    const near = nearest(
      name,
      known.map((one) => one.name),
    );
    return near === undefined ? { is: 'unknown' } : { is: 'unknown', nearest: near };
  }
  const definition = readDefinition(pipeline.definition);
  const values = valuesOf(inputs, definition.inputs);
  const chosen = Object.entries(images).map(([image, text]) => [image, chosenImage(text)] as const);
  const problems = [
    ...sentencesOf(givenProblems(values, definition.inputs, ['inputs'])),
    ...chosen.flatMap(([image, choice]) => imageProblems(image, choice, definition)),
  ];
  if (problems.length > 0) return { is: 'wrong', problems };
  const asked = manualRequest.parse({ pipeline: name, inputs: values, images: Object.fromEntries(chosen) });
  return { is: 'right', pipeline, asked };
}

function valuesOf(given: JsonObject, declared: InputDeclarations): JsonObject {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => {
      const input = Object.hasOwn(declared, name) ? declared[name] : undefined;
      return [name, typeof value === 'string' ? valueOfText(value, input) : value];
    }),
  );
}

function imageProblems(
  name: string,
  chosen: { readonly tag: string } | undefined,
  { images }: Pick<Definition, 'images'>,
): string[] {
  const place = `images.${name}`;
  const names = Object.keys(images);
  const image = Object.hasOwn(images, name) ? images[name] : undefined;
  if (image === undefined) {
    const known = names.length === 0 ? '; there are none' : `; there are ${names.join(', ')}`;
    return [`${place} is not an image${didYouMean(name, names) || known}`];
  }
  if (chosen === undefined) return [`${place} must be a tag, or an image with its tag`];
  // A filter that is an expression is settled with the inputs, when the plan is made.
  if (Object.values(image).some((field) => typeof field === 'string' && hasExpression(field))) return [];
  const match = matchTag(image, chosen.tag);
  return match.matches ? [] : [`${place} may not have the tag ${chosen.tag}: ${match.text}`];
}

/** Reads `1.2.3`, or `repository:1.2.3` with or without a digest; undefined where the text is neither. */
export function chosenImage(text: string): { tag: string; digest?: string } | undefined {
  if (isTag(text)) return { tag: text };
  const whole = parseReference(text);
  if (whole?.tag === undefined) return undefined;
  return whole.digest === undefined ? { tag: whole.tag } : { tag: whole.tag, digest: whole.digest };
}
