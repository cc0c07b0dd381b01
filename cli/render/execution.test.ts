import { describe, expect, it } from 'vitest';
import { CANCELLED, execution, FAILED, HELD, NOW, QUEUED, ROLLING, SUCCEEDED, stage } from '../testing/executions.ts';
import { columnsTaken } from '../text.ts';
import { renderExecution } from './execution.ts';

const view = { now: NOW, width: 80, colour: false };
const drawn = (...args: Parameters<typeof renderExecution>) => renderExecution(...args).join('\n');

describe('an execution', () => {
  it('under way shows what each stage does and what the others wait for', () => {
    expect(drawn(ROLLING, { ...view, usualMs: 660_000 })).toMatchInlineSnapshot(`
      "items-api  1.2.3 → 1.3.0   execution 7f3k2ab   ● running for 4 min 10 s
      image items-api:1.3.0 pushed by ci@acme 5 min ago
      asia-northeast1-docker.pkg.dev/acme/items/items-api@sha256:9f3c9f3c…

      ✔ migrate    jp      succeeded   31 s
      ● canary_jp  jp      running   2 min 40 s
        ├ Deployment items/items-api: 3 of 5 new pods are ready, 10 of 10 old ones
        └ Service items/items-api: applied
      ◌ approve            waits for canary_jp
      ◌ rest       us uk   waits for approve

      usually 11 min; about 6 min left"
    `);
  });

  it('that is held up shows why', () => {
    expect(drawn(HELD, view)).toMatchInlineSnapshot(`
      "items-api  1.2.3 → 1.3.0   execution 7f3k2ab   ‖ waiting for 4 min 10 s
      image items-api:1.3.0 pushed by ci@acme 5 min ago
      asia-northeast1-docker.pkg.dev/acme/items/items-api@sha256:9f3c9f3c…

      ‖ canary_jp  jp   waiting   4 min   attempt 2   looks again in 1 min
        └ cluster jp does not answer (connect timed out, 7 tries); the next try is at
          14:09
      ◌ rest       us   waits for canary_jp"
    `);
  });

  it('that failed shows the sentence and the command that leads on', () => {
    expect(drawn(FAILED, view)).toMatchInlineSnapshot(`
      "items-api  1.2.3 → 1.3.0   execution 7f3k2ab   ✖ failed after 2 min 10 s
      image items-api:1.3.0 pushed by ci@acme 5 min ago
      asia-northeast1-docker.pkg.dev/acme/items/items-api@sha256:9f3c9f3c…

      ✖ deploy    jp   failed   5 s
        └ pod items-api-6d4f-x2x9q in items cannot start: the image
          asia-northeast1-docker.pkg.dev/acme/items/items-api:broken cannot be pulled
          (manifest unknown)
      ⊘ announce       skipped
        └ not reached, because deploy-jp failed

      Find out why:  gennaker why 7f3k2ab"
    `);
  });

  it('that is queued shows behind what', () => {
    expect(drawn(QUEUED, view)).toMatchInlineSnapshot(`
      "items-api  1.2.3 → 1.3.0   execution 7f3k2ab   ◌ queued for 4 min 11 s
      image items-api:1.3.0 pushed by ci@acme 5 min ago
      asia-northeast1-docker.pkg.dev/acme/items/items-api@sha256:9f3c9f3c…

      ◌ deploy  jp   pending

      it waits for 1 execution of items-api: aaaa111"
    `);
  });

  it('that was cancelled says by whom once', () => {
    expect(drawn(CANCELLED, view)).toMatchInlineSnapshot(`
      "items-api  1.2.3 → 1.3.0   execution 7f3k2ab   ⊘ cancelled after 4 min
      image items-api:1.3.0 pushed by ci@acme 5 min ago
      asia-northeast1-docker.pkg.dev/acme/items/items-api@sha256:9f3c9f3c…

      ⊘ deploy  jp   cancelled   4 min
        └ cancelled by aki: wrong version

      Find out why:  gennaker why 7f3k2ab"
    `);
  });

  it('that is being stopped says so', () => {
    expect(drawn(execution({ stopping: true }), view)).toContain('● stopping, running for 4 min 10 s');
  });

  it('says when it takes longer than usual', () => {
    expect(drawn(ROLLING, { ...view, usualMs: 60_000 })).toContain('usually 1 min; 3 min longer already');
  });

  it.each([40, 60, 80])('fits %i columns', (width) => {
    const long = stage('a_stage_whose_name_is_longer_than_anyone_would_type', {
      target: 'a-target-with-a-long-name',
      status: 'waiting',
      attempts: 3,
      startedAt: ROLLING.startedAt,
      reason: { code: 'rollout-in-progress', text: `東京の${'クラスタ'.repeat(30)} ${'x'.repeat(200)}`, unblock: 'x' },
      progress: Array.from({ length: 20 }, (_unused, index) => `line ${index} ${'y'.repeat(90)}`),
    });
    for (const detail of [ROLLING, HELD, FAILED, QUEUED, SUCCEEDED, CANCELLED, execution({ stages: [long] })]) {
      for (const line of renderExecution(detail, { ...view, width })) {
        expect(columnsTaken(line)).toBeLessThanOrEqual(width);
      }
    }
  });

  it('holds escape sequences only in colour, and the same words', () => {
    const escapes = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'gu');
    const coloured = drawn(HELD, { ...view, colour: true });
    expect(coloured).toMatch(escapes);
    expect(coloured.replaceAll(escapes, '')).toBe(drawn(HELD, view));
  });
});
