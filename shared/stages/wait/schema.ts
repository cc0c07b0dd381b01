/** What a wait is given, remembers and tells. */
import { z } from 'zod';
import { duration } from '../../pipeline/duration.ts';
import { windowsSchema } from '../../pipeline/windows-schema.ts';

export const waitParameters = z
  .strictObject({
    for: duration({ minimum: '0s' }).optional().describe('How long to wait: 30s, 10m, 24h'),
    until: z.iso
      .datetime({ offset: true, error: 'must be a time with its zone, such as 2026-05-01T10:00:00+09:00' })
      .optional()
      .describe('The time to wait for, with its zone: 2026-05-01T10:00:00+09:00'),
    windows: windowsSchema.optional().describe('Waits while none of these is open, until the next opening'),
  })
  .check((context) => {
    const given = Object.keys(context.value).filter((name) => Reflect.get(context.value, name) !== undefined);
    if (given.length === 1) return;
    const message = `takes exactly one of for, until and windows, not ${given.join(' and ') || 'none'}`;
    context.issues.push({ code: 'custom', input: context.value, continue: true, message });
  })
  .meta({ oneOf: [{ required: ['for'] }, { required: ['until'] }, { required: ['windows'] }] });
export type WaitParameters = z.output<typeof waitParameters>;

export const waitCursor = z.strictObject({
  version: z.literal(1),
  /** Epoch ms. Kept from the first step on, so that looking again never waits anew. */
  until: z.int(),
});
export type WaitCursor = z.output<typeof waitCursor>;

export const waitOutputs = z.strictObject({
  until: z.iso.datetime().describe('The time that was waited for'),
});
export type WaitOutputs = z.output<typeof waitOutputs>;
