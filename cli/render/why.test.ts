import { describe, expect, it } from 'vitest';
import { CANCELLED, execution, FAILED, HELD, NOW, QUEUED, ROLLING, SUCCEEDED } from '../testing/executions.ts';
import { explain, renderWhy } from './why.ts';

const view = { now: NOW, width: 80, colour: false };
const told = (...args: Parameters<typeof renderWhy>) => renderWhy(...args).join('\n');

describe('why', () => {
  it('an execution does not move: the sentence, then the safest way on first', () => {
    expect(told(HELD, view)).toMatchInlineSnapshot(`
      "canary_jp in jp has been waiting for 4 min in attempt 2: cluster jp does not
      answer (connect timed out, 7 tries); the next try is at 14:09.

        Go on:      gennaker targets retry jp
        Follow it:  gennaker watch 7f3k2ab
        Give up:    gennaker cancel 7f3k2ab"
    `);
  });

  it('one failed: each fact once', () => {
    expect(told(FAILED, view)).toMatchInlineSnapshot(`
      "items-api 7f3k2ab failed after 2 min 10 s, 2 min ago.
      deploy in jp failed after 5 s: pod items-api-6d4f-x2x9q in items cannot start:
      the image asia-northeast1-docker.pkg.dev/acme/items/items-api:broken cannot be
      pulled (manifest unknown).

        See what happened:  gennaker logs 7f3k2ab
        Run it again:       gennaker restart 7f3k2ab"
    `);
  });

  it('one is queued: behind what, and what would let it go', () => {
    expect(told(QUEUED, view)).toMatchInlineSnapshot(`
      "items-api 7f3k2ab is queued for 4 min 11 s: it waits for 1 execution of
      items-api: aaaa111.

        Follow it:       gennaker watch 7f3k2ab
        Stop the other:  gennaker cancel aaaa111bbbb222
        Give up:         gennaker cancel 7f3k2ab"
    `);
  });

  it('one runs: what it does now', () => {
    expect(told(ROLLING, view)).toMatchInlineSnapshot(`
      "canary_jp in jp has been running for 2 min 40 s.
        Deployment items/items-api: 3 of 5 new pods are ready, 10 of 10 old ones
        Service items/items-api: applied

        Follow it:  gennaker watch 7f3k2ab
        Give up:    gennaker cancel 7f3k2ab"
    `);
  });

  it('one was cancelled: by whom', () => {
    expect(told(CANCELLED, view)).toMatchInlineSnapshot(`
      "items-api 7f3k2ab was cancelled after 4 min, 10 s ago: cancelled by aki: wrong
      version.

        See what happened:  gennaker logs 7f3k2ab
        Run it again:       gennaker restart 7f3k2ab"
    `);
  });

  it('one succeeded: nothing is left to do', () => {
    expect(told(SUCCEEDED, view)).toMatchInlineSnapshot(`"items-api 7f3k2ab succeeded after 4 min, 10 s ago."`);
  });

  it('one is being stopped: no command to stop it again', () => {
    const reason = { code: 'cancelled-by-person', text: 'cancelled by aki' } as const;
    expect(explain(execution({ stopping: true, reason }), NOW).waysOn.map(({ command }) => command)).toEqual([
      `gennaker watch ${HELD.id}`,
    ]);
  });

  it('gives machines whole ids and codes', () => {
    expect(explain(HELD, NOW)).toMatchObject({
      id: HELD.id,
      explanations: [{ stage: 'canary_jp', target: 'jp', code: 'cluster-unreachable' }],
      waysOn: [
        { label: 'Go on', command: 'gennaker targets retry jp' },
        { label: 'Follow it', command: `gennaker watch ${HELD.id}` },
        { label: 'Give up', command: `gennaker cancel ${HELD.id}` },
      ],
    });
  });
});
