/** Pipelines that run one another: the real requests of stages, which come back as events of this world. */
import { definitionSchema } from '../../../shared/pipeline/schema.ts';
import type { Message } from '../../../shared/ports/bus.ts';
import type { Inbox } from '../../../shared/ports/inbox.ts';
import type { OtherExecutions } from '../../../shared/ports/other-executions.ts';
import type { AppliedPipeline } from '../../../shared/ports/pipelines.ts';
import { manualEvent } from '../../../shared/triggers/manual/source.ts';
import type { ManualStart } from '../../../shared/triggers/source.ts';
import { sourceEvent } from '../../../shared/triggers/source.ts';
import type { Engine } from '../../../shared/use-cases/engine.ts';
import { parseSourceEventMessage } from '../../../shared/use-cases/messages.ts';
import { otherExecutions } from '../../../shared/use-cases/other-executions.ts';
import { TEAM } from './plans.ts';

/** The pipelines of a world are never read but for what a request is held against: they ask for nothing. */
function applied(name: string): AppliedPipeline {
  const stages = { only: { uses: 'wait', with: { for: '1s' } } };
  const definition = definitionSchema.parse({ pipeline: name, team: TEAM, stages });
  return {
    format: 1,
    name,
    team: TEAM,
    file: 'gennaker.yaml',
    definition: JSON.parse(JSON.stringify(definition)),
    appliedAt: 0,
    generation: 1,
  };
}

export function othersOf(engine: Omit<Engine, 'others'> & { readonly inbox: Inbox }): OtherExecutions {
  const pipelines = {
    get: async ({ name }: { readonly name: string }) => applied(name),
    list: async () => [],
  };
  return otherExecutions({ ...engine, pipelines });
}

/** What the message asks for, where a stage sent it; undefined for what this world itself puts on the way. */
export function requestIn(message: Message): ManualStart | undefined {
  if (!message.data.includes('"specversion"')) return undefined;
  const event = sourceEvent.parse(parseSourceEventMessage(message).data);
  return event.type === 'manual' ? event : undefined;
}

/** The event by which an attempt of a stage asks. */
export function eventOf(place: {
  readonly execution: string;
  readonly stage: string;
  readonly attempt: number;
}): string {
  const request = `${place.execution}/${place.stage}/${place.attempt}`;
  return manualEvent({ asked: { pipeline: '', inputs: {}, images: {} }, request, by: '', at: 0, chain: [] }).id;
}
