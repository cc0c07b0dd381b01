import { describe, expect, it } from 'vitest';
import { prove } from '../proofs.ts';
import { wait } from './index.ts';
import { waitParameters } from './schema.ts';

const world = () => ({ effects: () => [] });

prove({ name: 'for a span', kind: wait, parameters: { for: '10m' }, world });
prove({ name: 'until a time', kind: wait, parameters: { until: '2026-05-01T12:00:00+09:00' }, world });
prove({
  name: 'for a window',
  kind: wait,
  parameters: { windows: [{ hours: '10:00-17:00', timezone: 'Asia/Tokyo' }] },
  world,
});
prove({ name: 'for no time', kind: wait, parameters: { for: '0s' }, world });

describe('parameters of wait', () => {
  it.each([
    [{}, 'takes exactly one of for, until and windows, not none'],
    [{ for: '1m', until: '2026-05-01T12:00:00Z' }, 'takes exactly one of for, until and windows, not for and until'],
    [{ for: '10 minutes' }, 'must be a duration such as 30s, 10m, 24h or 1h30m, not "10 minutes"'],
    [{ until: 'tomorrow' }, 'must be a time with its zone, such as 2026-05-01T10:00:00+09:00'],
  ])('%j is refused', (parameters, message) => {
    expect(waitParameters.safeParse(parameters).error?.issues.map((issue) => issue.message)).toEqual([message]);
  });
});

describe('waiting for a window', () => {
  const parameters = waitParameters.parse({ windows: [{ hours: '10:00-17:00', timezone: 'Asia/Tokyo' }] });
  const at = (time: string) => {
    const context = { execution: 'e1', stage: 'opening', clock: { now: () => Date.parse(time) } } as never;
    return wait.step(parameters, { cursor: undefined, input: { by: 'begin' } }, context);
  };

  it('goes on at once while it is open, and else with the next opening', async () => {
    expect((await at('2026-05-01T10:00:00+09:00')).is).toBe('succeeded');
    expect(await at('2026-05-01T17:00:00+09:00')).toMatchObject({
      is: 'waiting',
      for: { until: Date.parse('2026-05-04T10:00:00+09:00') },
      reason: { code: 'time-not-reached', text: 'opening waits until 2026-05-04 01:00:00 UTC' },
    });
    expect(wait.gate?.(parameters)).toBe('wait for Mon-Fri 10:00-17:00 Asia/Tokyo');
  });
});
