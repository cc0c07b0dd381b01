/** A person asks for a pipeline to be run: the wish becomes a source event like any other. */
import type { Json, JsonObject } from '../core/json.ts';
import { givenProblems, sentencesOf, valueOfText } from '../pipeline/inputs.ts';
import { nearest } from '../pipeline/nearest.ts';
import { readDefinition } from '../pipeline/parse.ts';
import type { Bus } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import type { Pipelines } from '../ports/pipelines.ts';
import { isTag, parseReference } from '../registry/reference.ts';
import { manualEvent, manualRequest } from '../triggers/manual/source.ts';
import { executionIdOf } from './engine.ts';
import { sourceEventMessage, TOPICS } from './messages.ts';

/** Pipelines whose names are looked through for one that was meant. */
const MAXIMUM_NAMES = 1_000;

export type RunAnswer =
  | { readonly is: 'accepted'; readonly event: string; readonly execution: string }
  | { readonly is: 'unknown'; readonly nearest?: string }
  /** What is wrong with the inputs: one sentence each. */
  | { readonly is: 'wrong-inputs'; readonly problems: readonly string[] };

/** Throws a ZodError where an image is no `chosenImage`. Text is taken as the value of its input's type. `requestId` makes asking twice asking once. `images` gives a tag, or a whole reference, by the image's name in the pipeline. */
export async function requestRun(
  ports: { readonly pipelines: Pipelines; readonly bus: Bus; readonly clock: Clock },
  command: {
    readonly pipeline: string;
    readonly requestId: string;
    readonly inputs: JsonObject;
    readonly images: { readonly [name: string]: string };
    readonly by: string;
  },
): Promise<RunAnswer> {
  const { pipeline } = command;
  const found = await ports.pipelines.get({ name: pipeline });
  if (found === undefined) {
    const known = await ports.pipelines.list({ limit: MAXIMUM_NAMES });
    const near = nearest(
      pipeline,
      known.map((one) => one.name),
    );
    return near === undefined ? { is: 'unknown' } : { is: 'unknown', nearest: near };
  }
  const images = Object.fromEntries(
    Object.entries(command.images).map(([name, text]) => [name, chosenImage(text)] as const),
  );
  const declared = readDefinition(found.definition).inputs;
  const inputs = Object.fromEntries(
    Object.entries(command.inputs).map(([name, value]): [string, Json | undefined] => [
      name,
      typeof value === 'string' ? valueOfText(value, declared[name]) : value,
    ]),
  );
  const problems = sentencesOf(givenProblems(inputs, declared, ['inputs']));
  if (problems.length > 0) return { is: 'wrong-inputs', problems };
  const asked = manualRequest.parse({ pipeline, inputs, images });
  const at = ports.clock.now();
  const event = manualEvent({ asked, request: command.requestId, by: command.by, at });
  await ports.bus.publish({ topic: TOPICS.events, messages: [sourceEventMessage(event, event)] });
  return { is: 'accepted', event: event.id, execution: executionIdOf(pipeline, event.id) };
}

/** Reads `1.2.3`, or `repository:1.2.3` with or without a digest; undefined where the text is neither. */
export function chosenImage(text: string): { tag: string; digest?: string } | undefined {
  if (isTag(text)) return { tag: text };
  const whole = parseReference(text);
  if (whole?.tag === undefined) return undefined;
  return whole.digest === undefined ? { tag: whole.tag } : { tag: whole.tag, digest: whole.digest };
}
