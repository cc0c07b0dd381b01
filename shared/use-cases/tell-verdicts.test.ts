import { expect, it } from 'vitest';
import type { Verdict } from '../ports/inbox.ts';
import { MAXIMUM_VERDICT_BYTES, tellVerdicts } from './tell-verdicts.ts';

const filtered = (index: number): Verdict => ({
  is: 'filtered',
  pipeline: `items-${index}`,
  trigger: 0,
  text: 'tag "*" does not match: é',
});
const started: Verdict = { is: 'started', pipeline: 'items', execution: '7f3k2', trigger: 0 };

it('all verdicts are told where they fit, as they are', () => {
  const all = [filtered(1), started, filtered(2)];
  expect(tellVerdicts(all)).toEqual({ verdicts: all });
});

it('of thousands as many as fit are told, what was started among them, and how many were not', () => {
  const all = [...Array.from({ length: 9_000 }, (_, index) => filtered(index)), started];
  const { verdicts, untold } = tellVerdicts(all);
  expect(verdicts[0]).toEqual(filtered(0));
  expect(verdicts.at(-1)).toEqual(started);
  expect(untold).toBe(all.length - verdicts.length);
  const bytes = Buffer.byteLength(JSON.stringify(verdicts));
  expect(bytes).toBeLessThanOrEqual(MAXIMUM_VERDICT_BYTES + 1);
  expect(bytes).toBeGreaterThan(MAXIMUM_VERDICT_BYTES - 1_000);
});
