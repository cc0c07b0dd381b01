/** The CloudEvents that travel between the functions: their schemas, and how each is written and read. */
import { z } from 'zod';
import type { ExecutionId, Transition } from '../core/run.ts';
import type { Message } from '../ports/bus.ts';
import { transitionSchema } from './documents.ts';

/** The system's own topics. A target's lane has a work topic of its own. */
export const TOPICS = { events: 'events', transitions: 'transitions', deadLetters: 'dead-letters' } as const;
export const workTopic = (target: string | undefined): string => (target === undefined ? 'work' : `work-${target}`);

const workData = z.object({
  execution: z.string(),
  stage: z.string(),
  attempt: z.number().int().positive(),
  step: z.number().int().positive(),
});
const stopStageData = z.object({ execution: z.string(), stage: z.string(), revision: z.number().int().positive() });
const stopExecutionData = z.object({ execution: z.string(), for: z.string() });
const attendData = z.object({ execution: z.string() });
const announcementData = z.object({
  execution: z.string(),
  pipeline: z.string(),
  /** Oldest first; the last is new, earlier ones are repeated until it is proved that they were announced. */
  transitions: z.array(transitionSchema).min(1),
});

export type Work = z.infer<typeof workData>;
export type StopStage = z.infer<typeof stopStageData>;
export type StopExecution = z.infer<typeof stopExecutionData>;
export type Attend = z.infer<typeof attendData>;
export type Announcement = z.infer<typeof announcementData> & { readonly transitions: readonly Transition[] };

const envelope = z.looseObject({
  specversion: z.literal('1.0'),
  id: z.string().min(1),
  source: z.string().min(1),
  type: z.string().min(1),
  time: z.iso.datetime({ offset: true }).optional(),
  subject: z.string().optional(),
  traceparent: z.string().optional(),
});

const TYPES = {
  work: 'dev.gennaker.stage.due.v1',
  stopStage: 'dev.gennaker.stage.stop.v1',
  stopExecution: 'dev.gennaker.execution.stop.v1',
  attend: 'dev.gennaker.execution.attend.v1',
  announcement: 'dev.gennaker.execution.changed.v1',
  sourceEvent: 'dev.gennaker.source.event.v1',
} as const;

/** A CloudEvent in structured mode (CloudEvents 1.0, JSON format; Pub/Sub binding's content type). */
export function cloudEvent(event: {
  id: string;
  source: string;
  type: string;
  subject?: string | undefined;
  time: number;
  trace?: string | undefined;
  data: unknown;
}): Message {
  const { id, source, type, subject, data } = event;
  return {
    data: JSON.stringify({
      specversion: '1.0',
      id,
      source,
      type,
      ...(subject === undefined ? {} : { subject }),
      time: new Date(event.time).toISOString(),
      datacontenttype: 'application/json',
      ...(event.trace === undefined ? {} : { traceparent: event.trace }),
      data,
    }),
    attributes: { 'content-type': 'application/cloudevents+json', type },
  };
}

type Context = { readonly pipeline: string; readonly at: number; readonly trace?: string | undefined };
const sourceOf = (pipeline: string): string => `/gennaker/pipelines/${pipeline}`;

/** The message that says that a stage's step is due. */
export const workMessage = (work: Work, context: Context): Message =>
  cloudEvent({
    id: `${work.execution}/${work.stage}/${work.attempt}/${work.step}`,
    source: sourceOf(context.pipeline),
    type: TYPES.work,
    subject: work.execution,
    time: context.at,
    trace: context.trace,
    data: work,
  });

export const stopStageMessage = (stop: StopStage, context: Context): Message =>
  cloudEvent({
    id: `${stop.execution}/${stop.stage}/stop/${stop.revision}`,
    source: sourceOf(context.pipeline),
    type: TYPES.stopStage,
    subject: stop.execution,
    time: context.at,
    trace: context.trace,
    data: stop,
  });

export const stopExecutionMessage = (stop: StopExecution, context: Context): Message =>
  cloudEvent({
    id: `${stop.execution}/stop-for/${stop.for}`,
    source: sourceOf(context.pipeline),
    type: TYPES.stopExecution,
    subject: stop.execution,
    time: context.at,
    trace: context.trace,
    data: stop,
  });

export const attendMessage = (execution: ExecutionId, context: Context): Message =>
  cloudEvent({
    id: `${execution}/attend/${context.at}`,
    source: sourceOf(context.pipeline),
    type: TYPES.attend,
    subject: execution,
    time: context.at,
    trace: context.trace,
    data: { execution },
  });

export const announcementMessage = (announcement: Announcement, context: Context): Message =>
  cloudEvent({
    id: `${announcement.execution}/${announcement.transitions.at(-1)?.revision ?? 0}`,
    source: sourceOf(context.pipeline),
    type: TYPES.announcement,
    subject: announcement.execution,
    time: context.at,
    trace: context.trace,
    data: announcement,
  });

/** A source event for the `events` topic. `data` is a SourceEvent. */
export const sourceEventMessage = (
  event: { readonly id: string; readonly source: string; readonly at: number; readonly trace?: string | undefined },
  data: unknown,
): Message =>
  cloudEvent({
    id: event.id,
    source: `/gennaker/sources/${event.source}`,
    type: TYPES.sourceEvent,
    time: event.at,
    trace: event.trace,
    data,
  });

/** A message that can never be processed, however often it comes. */
export class PoisonMessage extends Error {
  override readonly name = 'PoisonMessage';
}

/** The CloudEvent in a message. Throws PoisonMessage. */
export function readCloudEvent(message: Message): z.infer<typeof envelope> & { readonly data?: unknown } {
  let body: unknown;
  try {
    body = JSON.parse(message.data);
  } catch (cause) {
    throw new PoisonMessage('the message is not JSON', { cause });
  }
  const parsed = envelope.safeParse(body);
  if (!parsed.success) {
    throw new PoisonMessage(`the message is not a CloudEvent: ${z.prettifyError(parsed.error)}`, {
      cause: parsed.error,
    });
  }
  return parsed.data;
}

function readData<T>(type: string, schema: z.ZodType<T>, event: { readonly data?: unknown }): T {
  const parsed = schema.safeParse(event.data);
  if (parsed.success) return parsed.data;
  throw new PoisonMessage(`the data of ${type} is not as expected: ${z.prettifyError(parsed.error)}`, {
    cause: parsed.error,
  });
}

/** What a work topic carries. */
export type WorkMessage =
  | { readonly is: 'work'; readonly work: Work }
  | { readonly is: 'stopStage'; readonly stop: StopStage }
  | { readonly is: 'stopExecution'; readonly stop: StopExecution }
  | { readonly is: 'attend'; readonly attend: Attend };

/** Reads a message of a work topic. Throws PoisonMessage. */
export function parseWorkMessage(message: Message): WorkMessage {
  const event = readCloudEvent(message);
  switch (event.type) {
    case TYPES.work:
      return { is: 'work', work: readData(event.type, workData, event) };
    case TYPES.stopStage:
      return { is: 'stopStage', stop: readData(event.type, stopStageData, event) };
    case TYPES.stopExecution:
      return { is: 'stopExecution', stop: readData(event.type, stopExecutionData, event) };
    case TYPES.attend:
      return { is: 'attend', attend: readData(event.type, attendData, event) };
    default:
      throw new PoisonMessage(`a work topic carries no ${event.type}`);
  }
}

/** True for a message of the topic `transitions`, as its attributes say. */
export const isAnnouncement = (message: Message): boolean => message.attributes.type === TYPES.announcement;

/** Reads a message of the topic `transitions`. Throws PoisonMessage. */
export function parseAnnouncement(message: Message): Announcement & { readonly trace?: string } {
  const event = readCloudEvent(message);
  if (event.type !== TYPES.announcement) throw new PoisonMessage(`the topic transitions carries no ${event.type}`);
  const data = readData(event.type, announcementData, event);
  return event.traceparent === undefined ? data : { ...data, trace: event.traceparent };
}

/** Reads a message of the topic `events`; the data is checked by the sources' own schema. Throws PoisonMessage. */
export function parseSourceEventMessage(message: Message): { readonly data: unknown; readonly trace?: string } {
  const event = readCloudEvent(message);
  if (event.type !== TYPES.sourceEvent) throw new PoisonMessage(`the topic events carries no ${event.type}`);
  return event.traceparent === undefined ? { data: event.data } : { data: event.data, trace: event.traceparent };
}
