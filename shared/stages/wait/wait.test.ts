import { describe, expect, it } from 'vitest';
import { prove } from '../proofs.ts';
import { wait } from './index.ts';
import { waitParameters } from './schema.ts';

const world = () => ({ effects: () => [] });

prove({ name: 'for a span', kind: wait, parameters: { for: '10m' }, world });
prove({ name: 'until a time', kind: wait, parameters: { until: '2026-05-01T12:00:00+09:00' }, world });
prove({ name: 'for no time', kind: wait, parameters: { for: '0s' }, world });

describe('parameters of wait', () => {
  it.each([
    [{}, 'takes exactly one of for and until, not none'],
    [{ for: '1m', until: '2026-05-01T12:00:00Z' }, 'takes exactly one of for and until, not both'],
    [{ for: '10 minutes' }, 'must be a duration such as 30s, 10m, 24h or 1h30m, not "10 minutes"'],
    [{ until: 'tomorrow' }, 'must be a time with its zone, such as 2026-05-01T10:00:00+09:00'],
  ])('%j is refused', (parameters, message) => {
    expect(waitParameters.safeParse(parameters).error?.issues.map((issue) => issue.message)).toEqual([message]);
  });
});
