/** `gennaker windows`, `freeze`, `pause`, `resume`, `skip` and `override`: what keeps work from beginning, and what lets it go on. */
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { z } from 'zod';
import type { HoldsDescription } from '../../functions/api/holds.ts';
import { describeWindow } from '../../shared/calendar/windows.ts';
import { windowsSchema } from '../../shared/pipeline/windows-schema.ts';
import { type Context, currentUser } from '../context.ts';
import { CommandFailure, UsageError } from '../failure.ts';
import { renderTable } from '../render/table.ts';
import { shortId } from '../text.ts';

export type WindowOptions = {
  readonly file?: string;
  readonly days?: string;
  readonly hours?: string;
  readonly timezone?: string;
  readonly except?: string[];
};

const WINDOWS_USAGE = 'gennaker windows set target:jp --hours 10:00-17:00 --timezone Asia/Tokyo';

export async function listWindows(context: Context): Promise<void> {
  const { windows } = await (await context.api()).holds.read();
  context.result(windows, () => {
    const rows = Object.entries(windows).flatMap(([scope, each]) =>
      each.map((window) => [scope, describeWindow(window), window.except.join(', ') || '—']),
    );
    return rows.length === 0
      ? ['There are no windows beside those in pipeline files.']
      : renderTable(['SCOPE', 'OPEN', 'EXCEPT'], rows, context.view().width);
  });
}

export async function setWindows(context: Context, scope: string | undefined, options: WindowOptions): Promise<void> {
  if (scope === undefined) throw new UsageError(`windows set takes what they are for: ${WINDOWS_USAGE}`);
  const parsed = windowsSchema.safeParse(await givenWindows(options));
  if (!parsed.success) throw new CommandFailure(`The windows do not fit: ${z.prettifyError(parsed.error)}`);
  const answer = await (await context.api()).holds.setWindows(scope, { windows: parsed.data, by: currentUser() });
  context.result(answer, () => [`${scope} is open ${parsed.data.map(describeWindow).join('; ')}.`]);
}

async function givenWindows({ file, days, hours, timezone, except }: WindowOptions): Promise<unknown> {
  if ((file === undefined) === (hours === undefined)) {
    throw new UsageError(`windows set takes --hours, or a --file with a list of windows: ${WINDOWS_USAGE}`);
  }
  if (file !== undefined) return parse(await readText(file));
  return [
    {
      hours,
      ...(days === undefined ? {} : { days: days.split(',').map((day) => day.trim().toLowerCase()) }),
      ...(timezone === undefined ? {} : { timezone }),
      ...(except === undefined ? {} : { except }),
    },
  ];
}

export async function removeWindows(context: Context, scope: string | undefined): Promise<void> {
  if (scope === undefined)
    throw new UsageError('windows remove takes what they are for: gennaker windows remove target:jp');
  const answer = await (await context.api()).holds.setWindows(scope, { windows: [], by: currentUser() });
  context.result(answer, () => [
    answer.is === 'unchanged' ? `${scope} has no windows.` : `${scope} has no windows any more: it is always open.`,
  ]);
}

export async function listFreezes(context: Context): Promise<void> {
  const { freezes, pauses }: HoldsDescription = await (await context.api()).holds.read();
  context.result({ freezes, pauses }, () => {
    const rows = freezes.map(({ id, scope, until, by, reason }) => [id, scope, until ?? 'it is lifted', by, reason]);
    const paused = pauses.map(({ scope, by, reason }) => [scope, by, reason]);
    return [
      ...(rows.length === 0
        ? ['Nothing is frozen.']
        : renderTable(['FREEZE', 'SCOPE', 'UNTIL', 'BY', 'REASON'], rows, context.view().width)),
      ...(paused.length === 0 ? [] : ['', ...renderTable(['PAUSED', 'BY', 'REASON'], paused, context.view().width)]),
    ];
  });
}

export async function addFreeze(
  context: Context,
  id: string | undefined,
  options: { readonly scope: string; readonly reason?: string; readonly from?: string; readonly until?: string },
): Promise<void> {
  const { scope, reason } = options;
  if (id === undefined || reason === undefined) {
    const usage = 'gennaker freeze add golden-week --until 2027-05-06T00:00:00+09:00 --reason "holidays"';
    throw new UsageError(`freeze add takes a name for it, and --reason: ${usage}`);
  }
  const { from, until } = { from: instantOf(options.from, '--from'), until: instantOf(options.until, '--until') };
  const api = await context.api();
  const answer = await api.holds.addFreeze(id, { scope, reason, by: currentUser(), from, until });
  context.result(answer, () => [
    answer.is === 'unchanged'
      ? `There is a freeze ${id} already: gennaker freeze list`
      : `${scope === 'all' ? 'Everything' : scope} is frozen ${until === undefined ? 'until it is lifted' : `until ${until}`}: ${reason}`,
    '',
    `Lift it:  gennaker freeze lift ${id}`,
  ]);
}

/** Makes the freezes that come from a file those of this one. */
export async function applyFreezes(context: Context, file: string | undefined): Promise<void> {
  if (file === undefined) throw new UsageError('freeze apply takes a file: gennaker freeze apply freezes.yaml');
  const parsed = z.array(z.record(z.string(), z.json())).safeParse(parse(await readText(file)) ?? []);
  if (!parsed.success) {
    throw new CommandFailure(`${file} is not a list of freezes, each with name, reason, scope, from and until.`);
  }
  const answer = await (await context.api()).holds.setFreezes({ freezes: parsed.data, by: currentUser() });
  context.result(answer, () => [
    answer.is === 'unchanged'
      ? `The freezes of ${file} are in force as they were.`
      : `The freezes of ${file} are in force; those taken out of it are lifted.`,
    '',
    'See them:  gennaker freeze list',
  ]);
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new CommandFailure(`${file} cannot be read.`, { cause });
  }
}

/** A time as the API takes it; one without a zone is in the local one. */
function instantOf(text: string | undefined, option: string): string | undefined {
  if (text === undefined) return undefined;
  const instant = Date.parse(text);
  if (!Number.isNaN(instant)) return new Date(instant).toISOString();
  throw new UsageError(`${option} takes a time, as in 2027-05-06T00:00:00+09:00, not "${text}".`);
}

export async function liftFreeze(context: Context, id: string | undefined): Promise<void> {
  if (id === undefined) throw new UsageError('freeze lift takes its name: gennaker freeze lift golden-week');
  const answer = await (await context.api()).holds.liftFreeze(id, { by: currentUser() });
  context.result(answer, () => [`The freeze ${id} is lifted; what waited for it goes on.`]);
}

export async function pause(context: Context, kind: string, name: string, reason: string): Promise<void> {
  const api = await context.api();
  const scope = await scopeOf(context, kind, name);
  const answer = await api.holds.pause(scope, { reason, by: currentUser() });
  context.result(answer, () => [
    answer.is === 'unchanged' ? `The ${kind} ${name} is paused already.` : `The ${kind} ${name} is paused: ${reason}`,
    '',
    `Resume it:  gennaker resume ${kind} ${name}`,
  ]);
}

export async function resume(context: Context, kind: string, name: string, reason: string | undefined): Promise<void> {
  const api = await context.api();
  const answer = await api.holds.resume(await scopeOf(context, kind, name), { reason, by: currentUser() });
  context.result(answer, () => [`The ${kind} ${name} goes on.`]);
}

async function scopeOf(context: Context, kind: string, name: string): Promise<string> {
  if (kind !== 'execution') return `${kind}:${name}`;
  return `execution:${(await (await context.api()).execution(name)).id}`;
}

export async function letGo(
  context: Context,
  what: 'skip' | 'override',
  id: string,
  stage: string,
  reason: string,
): Promise<void> {
  const api = await context.api();
  const { id: execution, pipeline } = await api.execution(id);
  const answer = await api.holds.letGo(execution, stage, what, { reason, by: currentUser() });
  const done = what === 'skip' ? 'is skipped' : 'begins in spite of what held it';
  context.result(answer, () => [
    `${stage} of ${pipeline} ${shortId(execution)} ${done}.`,
    '',
    `Follow it:  gennaker watch ${shortId(execution)}`,
  ]);
}
