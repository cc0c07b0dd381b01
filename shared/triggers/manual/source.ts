/** A person, or a program in a person's name, who asks for a pipeline to be run. */
import { z } from 'zod';
import { isDigest, isTag } from '../../registry/reference.ts';
import { eventId, MAXIMUM_TEXT, type ManualStart } from '../source.ts';

/** What is asked: our own API's body, so nothing unknown is let pass. */
export const manualRequest = z.strictObject({
  pipeline: z.string().min(1).max(255),
  inputs: z.record(z.string().max(100), z.json()).default({}),
  /** By the name of the image in the pipeline. */
  images: z
    .record(
      z.string().max(100),
      z.strictObject({
        tag: z.string().refine(isTag, 'must be a tag'),
        digest: z.string().refine(isDigest, 'must be sha256: and 64 hexadecimal digits').optional(),
      }),
    )
    .default({}),
});
export type ManualRequest = z.output<typeof manualRequest>;

/** The event of a request. `request` is the id that the caller gave it, so that asking again starts nothing twice. */
export function manualEvent(command: {
  asked: ManualRequest;
  request: string;
  by: string;
  at: number;
  /** Where a pipeline asks: those that started one another up to it. Its requests are never those of people. */
  chain?: readonly string[] | undefined;
  /** Who is behind the execution that asks. */
  people?: readonly string[] | undefined;
}): ManualStart {
  const { asked, request, by, at, chain, people } = command;
  const images = Object.entries(asked.images).map(([name, image]) => `${name} ${image.tag}`);
  const text = `${by} asked${images.length === 0 ? '' : ` for ${images.join(', ')}`}`.slice(0, MAXIMUM_TEXT);
  const id = chain === undefined ? eventId('manual', request) : stageEventId(request);
  const manual = {
    ...asked,
    by,
    ...(chain === undefined ? {} : { chain: [...chain] }),
    ...(people === undefined ? {} : { people: [...people] }),
  };
  return { id, type: 'manual', source: 'manual', at, text, manual };
}

/** The id of the event by which a stage asks; no request of a person can have it. */
export function stageEventId(request: string): string {
  return eventId('manual', 'stage', request);
}
