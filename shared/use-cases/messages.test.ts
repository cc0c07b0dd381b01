import { describe, expect, it } from 'vitest';
import { START, transitionOf } from '../../test/support/execution-fixtures.ts';
import type { Message } from '../ports/bus.ts';
import {
  announcementMessage,
  attendMessage,
  PoisonMessage,
  parseAnnouncement,
  parseSourceEventMessage,
  parseWorkMessage,
  sourceEventMessage,
  stopExecutionMessage,
  stopStageMessage,
  workMessage,
  workTopic,
} from './messages.ts';

const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const context = { pipeline: 'items-api', at: START, trace: TRACE };
const work = { execution: 'e1', stage: 'release', attempt: 2, step: 3 };
const stop = { execution: 'e1', stage: 'release', revision: 4 };
const announcement = { execution: 'e1', pipeline: 'items-api', transitions: [transitionOf(1), transitionOf(2)] };
const envelopeOf = (message: Message): { [field: string]: unknown } => JSON.parse(message.data);
const withData = (message: Message, data: unknown): Message => ({
  ...message,
  data: JSON.stringify({ ...envelopeOf(message), data }),
});

describe('a message', () => {
  it('is a CloudEvent in structured mode', () => {
    const message = workMessage(work, context);
    expect(message.attributes).toEqual({
      'content-type': 'application/cloudevents+json',
      type: 'dev.gennaker.stage.due.v1',
    });
    expect(envelopeOf(message)).toEqual({
      specversion: '1.0',
      id: 'e1/release/2/3',
      source: '/gennaker/pipelines/items-api',
      type: 'dev.gennaker.stage.due.v1',
      subject: 'e1',
      time: new Date(START).toISOString(),
      datacontenttype: 'application/json',
      traceparent: TRACE,
      data: work,
    });
  });

  it('has no trace and no subject where there is none', () => {
    const message = sourceEventMessage({ id: 'push-1', source: 'docker-hub', at: START }, { tag: '1.2.3' });
    expect(envelopeOf(message)).not.toHaveProperty('traceparent');
    expect(envelopeOf(message)).not.toHaveProperty('subject');
    expect(parseSourceEventMessage(message)).toEqual({ data: { tag: '1.2.3' } });
  });

  it('for a target travels in its lane', () => {
    expect([workTopic(undefined), workTopic('jp')]).toEqual(['work', 'work-jp']);
  });
});

describe('what was written is read', () => {
  it.each([
    { message: workMessage(work, context), read: { is: 'work', work } },
    { message: stopStageMessage(stop, context), read: { is: 'stopStage', stop } },
    {
      message: stopExecutionMessage({ execution: 'e1', for: 'e2' }, context),
      read: { is: 'stopExecution', stop: { execution: 'e1', for: 'e2' } },
    },
    { message: attendMessage('e1', context), read: { is: 'attend', attend: { execution: 'e1' } } },
  ])('from a work topic: $read.is', ({ message, read }) => {
    expect(parseWorkMessage(message)).toEqual(read);
  });

  it('from the topic of transitions, with its trace where it has one', () => {
    expect(parseAnnouncement(announcementMessage(announcement, context))).toEqual({ ...announcement, trace: TRACE });
    const { trace: _, ...untraced } = context;
    expect(parseAnnouncement(announcementMessage(announcement, untraced))).toEqual(announcement);
  });

  it('from the topic of events', () => {
    const event = { id: 'push-1', source: 'docker-hub', at: START, trace: TRACE };
    expect(parseSourceEventMessage(sourceEventMessage(event, 7))).toEqual({ data: 7, trace: TRACE });
  });

  it('names an announcement by its newest revision, so that a repetition is known', () => {
    expect(envelopeOf(announcementMessage(announcement, context))).toMatchObject({ id: 'e1/2' });
  });
});

describe('what can never be processed is poison', () => {
  const notOurs = { ...workMessage(work, context), data: '{"specversion":"1.0","id":"x","source":"y","type":"z"}' };

  it.each<{ name: string; read: (message: Message) => unknown; message: Message; text: string }>([
    {
      name: 'no JSON',
      read: parseWorkMessage,
      message: { data: '{', attributes: {} },
      text: 'the message is not JSON',
    },
    {
      name: 'no CloudEvent',
      read: parseAnnouncement,
      message: { data: '{"data":{}}', attributes: {} },
      text: 'the message is not a CloudEvent',
    },
    { name: 'another type on a work topic', read: parseWorkMessage, message: notOurs, text: 'carries no z' },
    { name: 'another type among transitions', read: parseAnnouncement, message: notOurs, text: 'carries no z' },
    { name: 'another type among events', read: parseSourceEventMessage, message: notOurs, text: 'carries no z' },
    {
      name: 'work without a step',
      read: parseWorkMessage,
      message: withData(workMessage(work, context), { ...work, step: 0 }),
      text: 'the data of dev.gennaker.stage.due.v1 is not as expected',
    },
    {
      name: 'an announcement of nothing',
      read: parseAnnouncement,
      message: announcementMessage({ ...announcement, transitions: [] }, context),
      text: 'the data of dev.gennaker.execution.changed.v1 is not as expected',
    },
  ])('$name', ({ read, message, text }) => {
    expect(() => read(message)).toThrow(PoisonMessage);
    expect(() => read(message)).toThrow(text);
  });
});
