/** Events that only the pipeline itself explains: a call of its own webhook, a firing of its schedule, the end of another. */
import { z } from 'zod';
import type { SettledDefinition } from '../../shared/pipeline/settle.ts';
import { isoSeconds, scheduleEvent } from '../../shared/triggers/cron/source.ts';
import { triggerEntries } from '../../shared/triggers/keys.ts';
import { pipelineFinished } from '../../shared/triggers/pipeline/event.ts';
import { finishedEvent } from '../../shared/triggers/pipeline/source.ts';
import { BadPayload, type SourceEvent, type SourceRequest } from '../../shared/triggers/source.ts';
import { WEBHOOK_PATH, webhookEvent } from '../../shared/triggers/webhook/source.ts';
import { verificationOf } from '../../shared/triggers/webhook/verify.ts';
import type { EventFile } from './script-schema.ts';

/** Those of them that have a name of their own; `webhook/PATH` is the third. */
export const OWN_SOURCES = ['cron', 'pipeline', `${WEBHOOK_PATH}/PATH`] as const;

const { images, outputs, end } = pipelineFinished.shape.finished.shape;
const finishedBody = z.strictObject({
  pipeline: z.string().min(1),
  end: end.default('succeeded'),
  images: images.default({}),
  outputs: outputs.default({}),
});
const cronBody = z.strictObject({
  cron: z.string().optional(),
  due: z.iso
    .datetime({ offset: true })
    .transform((text) => Date.parse(text))
    .optional(),
});

/**
 * The event where the source is one of these, otherwise undefined. `definition` is the pipeline that it is for;
 * without one, only the end of another pipeline can be told. Throws BadPayload.
 */
export function ownEvent(
  { source, body }: EventFile,
  request: SourceRequest,
  at: number,
  definition: SettledDefinition | undefined,
): SourceEvent | undefined {
  if (source === 'pipeline') return finished(bodyAs(source, finishedBody, body), at);
  const [kind, ...rest] = source.split('/');
  if (source !== 'cron' && (kind !== WEBHOOK_PATH || rest.length !== 1)) return undefined;
  if (definition === undefined) {
    const way = 'give it with its pipeline: gennaker simulate FILE --event EVENT';
    throw new BadPayload(`reading a ${source} payload: only the pipeline says what it means; ${way}`);
  }
  if (source === 'cron') return firing(definition, bodyAs(source, cronBody, body), at);
  return called(definition, { path: rest[0] ?? '', body, request, at });
}

function bodyAs<T>(source: string, schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new BadPayload(`reading a ${source} payload: ${z.prettifyError(parsed.error)}`);
}

function finished(body: z.output<typeof finishedBody>, at: number): SourceEvent {
  const { outputs: given, ...rest } = body;
  return finishedEvent({ ...rest, execution: 'simulated', outputs: Object.entries(given), chain: [], at });
}

function firing(definition: SettledDefinition, { cron, due }: z.output<typeof cronBody>, at: number): SourceEvent {
  const entries = triggerEntries(definition).filter(
    ({ schedule }) => schedule !== undefined && (cron === undefined || schedule.cron === cron),
  );
  const [entry, ...others] = entries;
  if (entry?.schedule === undefined || others.length > 0) {
    const which = cron === undefined ? '' : ` "${cron}"`;
    const has = `${definition.pipeline} has ${entries.length === 0 ? 'no' : entries.length} schedules${which}`;
    throw new BadPayload(`reading a cron payload: ${has}; body.cron names one of them, such as "0 10 * * 1-5"`);
  }
  const instant = due ?? at;
  if (instant > at) {
    throw new BadPayload(`reading a cron payload: it would be due at ${isoSeconds(instant)}, after it arrives`);
  }
  return scheduleEvent({ pipeline: definition.pipeline, key: entry.key, rule: entry.schedule }, instant, at);
}

function called(
  { pipeline, on }: SettledDefinition,
  call: {
    readonly path: string;
    readonly body: EventFile['body'];
    readonly request: SourceRequest;
    readonly at: number;
  },
): SourceEvent {
  const { path, ...rest } = call;
  const problems: string[] = [];
  for (const trigger of on) {
    if (!('webhook' in trigger) || trigger.webhook.path !== path) continue;
    const verification = verificationOf(trigger.webhook);
    if (verification === undefined) continue;
    try {
      return webhookEvent({ fields: trigger.webhook, verification, ...rest });
    } catch (error) {
      if (!(error instanceof BadPayload)) throw error;
      problems.push(error.message);
    }
  }
  const paths = on.flatMap((trigger) => ('webhook' in trigger ? [trigger.webhook.path] : []));
  const others = paths.length === 0 ? 'none' : [...new Set(paths)].join(', ');
  throw new BadPayload(problems[0] ?? `${pipeline} has no webhook of the path ${path}; those that it has: ${others}`);
}
