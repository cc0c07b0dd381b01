/** Follows an execution to its end, on a terminal as one picture that changes, anywhere else as one line for each change. */
import type { ExecutionDetail, StageDescription } from '../shared/use-cases/describe-execution.ts';
import { hasEnded, timestamp } from '../shared/use-cases/describe-execution.ts';
import { formatDuration, glyphOf } from '../shared/use-cases/phrases.ts';
import { type Api, Unreachable } from './api.ts';
import { type Context, pause, writeLines } from './context.ts';
import { CommandFailure, EXIT, type ExitCode } from './failure.ts';
import { elapsedMs, isToldByStages, renderExecution, withShortIds } from './render/execution.ts';
import { renderWhy } from './render/why.ts';
import { Screen } from './screen.ts';
import { columnsOf, type Output, rowsOf, wantsColour } from './terminal.ts';

const RECONNECT_MS = 1_000;
/** So many attempts in a row that bring nothing end the command. */
const MAXIMUM_RECONNECTS = 60;
/** How often the times in the picture move on. */
const REDRAW_MS = 1_000;
/** From so many earlier successes the usual time is told. */
const FEWEST_FOR_USUAL = 3;
const MAXIMUM_FOR_USUAL = 20;

/** The exit code that tells scripts how the execution ended. */
export function exitCodeOf(status: ExecutionDetail['status']): ExitCode {
  if (status === 'succeeded') {
    return EXIT.success;
  }
  return status === 'cancelled' || status === 'skipped' ? EXIT.cancelled : EXIT.failure;
}

/** The execution now and after each change, until it has ended. A stream that ended or was lost is opened anew. */
export async function* changesOf(
  context: Context,
  api: Api,
  id: string,
  signal: AbortSignal = context.surroundings.signal,
): AsyncGenerator<ExecutionDetail> {
  let lost: unknown;
  for (let attempt = 0; attempt <= MAXIMUM_RECONNECTS; attempt += 1) {
    try {
      for await (const detail of api.follow(id, signal)) {
        attempt = 0;
        yield detail;
        if (hasEnded(detail.status)) {
          return;
        }
      }
      lost = undefined;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof CommandFailure && !(error instanceof Unreachable)) {
        throw error;
      }
      lost = error;
    }
    if (attempt === 0 && lost !== undefined) {
      context.progress([`The connection to ${api.url} was lost; trying again.`]);
    }
    await pause(RECONNECT_MS, signal);
  }
  throw new CommandFailure(
    `Could not follow ${id} on: ${api.url} did not come back in ${MAXIMUM_RECONNECTS} attempts.`,
    { cause: lost },
  );
}

/** Prints one line on `output` for each change until the end, which it returns. */
export async function followInLines(context: Context, api: Api, id: string, output: Output): Promise<ExecutionDetail> {
  let last: ExecutionDetail | undefined;
  for await (const detail of changesOf(context, api, id)) {
    writeLines(output, changeLines(last, detail, context.surroundings.now()));
    last = detail;
  }
  return endOf(last, id);
}

/** Prints each state as one line of JSON until the end, which it returns. */
export async function followInJson(context: Context, api: Api, id: string): Promise<ExecutionDetail> {
  let last: ExecutionDetail | undefined;
  for await (const detail of changesOf(context, api, id)) {
    writeLines(context.surroundings.stdout, [JSON.stringify(detail)]);
    last = detail;
  }
  return endOf(last, id);
}

/** Draws the execution on the terminal until its end, or until the user leaves: then undefined. */
export async function followOnScreen(context: Context, api: Api, id: string): Promise<ExecutionDetail | undefined> {
  const { stdout, environment, keys, now, signal } = context.surroundings;
  const left = new AbortController();
  const screen = new Screen(stdout, keys);
  let detail: ExecutionDetail | undefined;
  let usualMs: number | undefined;
  let explained = false;
  const draw = () => {
    if (detail === undefined) {
      return;
    }
    const view = {
      now: now(),
      width: columnsOf(stdout, environment),
      colour: wantsColour(stdout, environment),
      usualMs,
    };
    const ended = hasEnded(detail.status);
    const why = explained && !ended ? ['', ...renderWhy(detail, view)] : [];
    const help = ended ? [] : ['', `q quit · w ${explained ? 'hide why' : 'why'}`];
    screen.draw([...renderExecution(detail, view), ...why, ...help], ended ? undefined : rowsOf(stdout));
  };
  screen.open((key) => {
    if (key === 'q') {
      left.abort();
    } else if (key === 'w') {
      explained = !explained;
      draw();
    }
  });
  const clock = setInterval(draw, REDRAW_MS);
  try {
    for await (const next of changesOf(context, api, id, AbortSignal.any([signal, left.signal]))) {
      if (detail === undefined) {
        usualMs = await usualTime(api, next.pipeline);
      }
      detail = next;
      draw();
    }
    return endOf(detail, id);
  } catch (error) {
    if (left.signal.aborted) {
      return undefined;
    }
    throw error;
  } finally {
    clearInterval(clock);
    screen.close();
  }
}

function endOf(detail: ExecutionDetail | undefined, id: string): ExecutionDetail {
  if (detail === undefined) {
    throw new CommandFailure(`Nothing was heard of ${id}.`);
  }
  return detail;
}

/** The median time of the pipeline's latest successes. */
async function usualTime(api: Api, pipeline: string): Promise<number | undefined> {
  const { items } = await api.executions({ pipeline, limit: MAXIMUM_FOR_USUAL });
  const times = items
    .flatMap((item) => (item.status === 'succeeded' ? [elapsedMs(item, 0) ?? 0] : []))
    .sort((a, b) => a - b);
  return times.length < FEWEST_FOR_USUAL ? undefined : times[Math.floor(times.length / 2)];
}

/**
 * One line for each thing that differs between two states of an execution, in the order in which it happened.
 * `now`, in epoch milliseconds, dates the changes whose time the state does not hold.
 */
export function changeLines(before: ExecutionDetail | undefined, after: ExecutionDetail, now: number): string[] {
  const changes: { at: string; line: string }[] = [];
  const seen = before === undefined ? undefined : timestamp(now);
  if (before === undefined) {
    changes.push({ at: after.createdAt, line: `◌ ${after.pipeline} ${after.id} created, ${after.trigger.text}` });
  }
  if (after.status === 'queued' && before?.status !== 'queued') {
    changes.push({ at: after.createdAt, line: `◌ ${after.pipeline} queued${because(after)}` });
  }
  if (after.startedAt !== null && (before?.startedAt ?? null) === null) {
    changes.push({ at: after.startedAt, line: `● ${after.pipeline} started` });
  }
  for (const stage of after.stages) {
    changes.push(
      ...stageChanges(
        before?.stages.find(({ id }) => id === stage.id),
        stage,
        seen ?? after.createdAt,
      ),
    );
  }
  if (after.stopping && before?.stopping !== true) {
    changes.push({
      at: seen ?? after.startedAt ?? after.createdAt,
      line: `‖ ${after.pipeline} is being stopped${because(after)}`,
    });
  }
  if (after.endedAt !== null && (before?.endedAt ?? null) === null) {
    const took = elapsedMs(after, 0);
    const time = took === undefined ? '' : ` after ${formatDuration(took)}`;
    const why = isToldByStages(after) ? '' : because(after);
    changes.push({
      at: after.endedAt,
      line: `${glyphOf(after.status)} ${after.pipeline} ${after.status}${time}${why}`,
    });
  }
  return changes
    .map((change, index) => ({ ...change, index }))
    .sort((a, b) => (a.at === b.at ? a.index - b.index : a.at < b.at ? -1 : 1))
    .map(({ at, line }) => `${at}  ${withShortIds(line, after)}`);
}

function stageChanges(
  before: StageDescription | undefined,
  stage: StageDescription,
  seen: string,
): { at: string; line: string }[] {
  const changes: { at: string; line: string }[] = [];
  const began = stage.startedAt !== null && (before?.startedAt ?? null) === null;
  if (stage.startedAt !== null && began) {
    changes.push({ at: stage.startedAt, line: `● ${stage.id} started` });
  }
  const same = before?.status === stage.status && before.reason?.text === stage.reason?.text;
  if (same || stage.status === 'pending' || (stage.status === 'running' && began)) {
    return changes;
  }
  const took = stage.endedAt === null ? undefined : elapsedMs(stage, 0);
  const time = took === undefined || stage.status === 'skipped' ? '' : ` after ${formatDuration(took)}`;
  const attempt = stage.attempts > 1 ? `, attempt ${stage.attempts}` : '';
  changes.push({
    at: stage.endedAt ?? (stage.startedAt === null || seen > stage.startedAt ? seen : stage.startedAt),
    line: `${glyphOf(stage.status)} ${stage.id} ${stage.status}${time}${attempt}${because(stage)}`,
  });
  return changes;
}

function because(subject: { reason: { text: string } | null }): string {
  return subject.reason === null ? '' : `: ${subject.reason.text}`;
}
