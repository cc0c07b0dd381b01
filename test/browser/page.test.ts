import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Execution } from '../../shared/core/run.ts';
import { API_TOKEN, type ApiWorld, startApiWorld } from '../support/api-world.ts';
import {
  EARLIER_IMAGE,
  executionOf,
  IMAGE,
  MINUTE_MS,
  planOf,
  stagePlan,
  transitionOf,
} from '../support/execution-fixtures.ts';
import { requirePart } from '../support/require.ts';

const CHROMIUM = process.env.GENNAKER_TEST_CHROMIUM ?? '/usr/bin/chromium';
const available = requirePart('chromium', existsSync(CHROMIUM), `there is no ${CHROMIUM}; apt-get install chromium`);
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const SIZES = { desk: { width: 1280, height: 900 }, phone: { width: 360, height: 780 } };
const RUN = 'abcdefgh23456777';
const FAILED = 'dfailedd23456777';

function fill(world: ApiWorld): void {
  const now = Date.now();
  const long = stagePlan('a_stage_with_quite_a_long_name', { target: 'asia-northeast1-production-blue' });
  const plan = planOf({ stages: [...planOf().stages, long] });
  const done = {
    status: 'succeeded',
    attempts: 1,
    startedAt: now - 90 * MINUTE_MS,
    endedAt: now - 85 * MINUTE_MS,
  } as const;
  const reason = {
    code: 'image-not-pullable',
    text: `pod items-api-7c9d in jp cannot pull ${IMAGE.repository}:broken: manifest unknown`,
    unblock: `gennaker restart ${FAILED}`,
  } as const;
  world.put(
    executionOf(
      {
        id: 'ebefored23456777',
        plan: 'before',
        createdAt: now - 90 * MINUTE_MS,
        at: now - 85 * MINUTE_MS,
        phase: {
          is: 'ended',
          end: 'succeeded',
          at: now - 85 * MINUTE_MS,
          startedAt: now - 90 * MINUTE_MS,
          promoted: [],
        },
      },
      Object.fromEntries(planOf().stages.map(({ id }) => [id, done])),
    ),
    planOf({ images: { api: EARLIER_IMAGE } }),
  );
  world.put(
    executionOf(
      {
        id: FAILED,
        createdAt: now - 40 * MINUTE_MS,
        at: now - 39 * MINUTE_MS,
        phase: {
          is: 'ended',
          end: 'failed',
          at: now - 39 * MINUTE_MS,
          startedAt: now - 40 * MINUTE_MS,
          promoted: [],
          reason,
        },
      },
      {
        migrate: {
          status: 'failed',
          attempts: 3,
          startedAt: now - 40 * MINUTE_MS,
          endedAt: now - 39 * MINUTE_MS,
          reason,
        },
      },
      plan,
    ),
    plan,
  );
  world.put(running(now), plan);
  world.histories.set(RUN, [transitionOf(1, { at: now - 4 * MINUTE_MS })]);
  world.progress.set(RUN, [
    { stage: 'migrate', attempt: 1, step: 1, at: now, lines: ['Deployment items-api  new 1/3 ready'] },
  ]);
}

function running(now: number, more: Partial<Execution> = {}): Execution {
  return executionOf(
    {
      id: RUN,
      createdAt: now - 4 * MINUTE_MS,
      at: now,
      phase: { is: 'running', startedAt: now - 4 * MINUTE_MS, deadline: now + MINUTE_MS },
      ...more,
    },
    { migrate: { status: 'running', attempts: 1, startedAt: now - 4 * MINUTE_MS } },
  );
}

describe.skipIf(!available)('the pages in a browser', () => {
  let browser: Browser;
  let world: ApiWorld;
  let shots: string;
  const errors: string[] = [];

  beforeAll(async () => {
    shots = await mkdtemp(join(tmpdir(), 'gennaker-pages-'));
    world = await startApiWorld();
    fill(world);
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  });
  afterAll(async () => {
    await browser?.close();
    await world?.close();
    console.info(`screenshots: ${shots}`);
  });

  async function open(path: string, options: Parameters<Browser['newContext']>[0] = {}): Promise<Page> {
    const context = await browser.newContext({ viewport: SIZES.desk, ...options });
    const page = await context.newPage();
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') errors.push(`${path}: ${message.text()}`);
    });
    page.on('pageerror', (error) => errors.push(`${path}: ${error.message}`));
    await page.goto(`${world.url}${path}`);
    return page;
  }

  const cases = (['desk', 'phone'] as const).flatMap((size) =>
    (['light', 'dark'] as const).flatMap((colorScheme) =>
      ['/', `/executions/${RUN}`, `/executions/${FAILED}`, '/?pipeline=none'].map((path) => ({
        size,
        colorScheme,
        path,
      })),
    ),
  );
  it.each(cases)('$path fits a $size in $colorScheme and makes no complaint', async ({ size, colorScheme, path }) => {
    const page = await open(path, { viewport: SIZES[size], colorScheme });
    const name = `${path.replaceAll(/\W+/g, '-')}-${size}-${colorScheme}.png`;
    await page.screenshot({ path: join(shots, name), fullPage: true });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(SIZES[size].width);
    expect(await page.locator('main').count()).toBe(1);
    expect(await page.locator('h1').count()).toBe(1);
    expect(errors).toEqual([]);
    await page.context().close();
  });

  it('shows what happens without being loaded again, and ends when it ends', async () => {
    const page = await open(`/executions/${RUN}`);
    await page.locator('#live', { hasText: 'live' }).waitFor();
    await page.evaluate('window.isTheSame = true');
    world.progress.set(RUN, [{ stage: 'migrate', attempt: 1, step: 1, at: Date.now(), lines: ['new 3/3 ready'] }]);
    await page.getByText('new 3/3 ready').waitFor();
    const now = Date.now();
    const end = { is: 'ended', end: 'succeeded', at: now, startedAt: now - MINUTE_MS, promoted: [] } as const;
    world.put(running(now, { revision: 9, phase: end }), planOf());
    await page.locator('.pill', { hasText: 'succeeded' }).waitFor();
    await page.locator('#live[data-state="off"]').waitFor({ state: 'attached' });
    expect(await page.title()).toContain('✔ items-api');
    expect(await page.evaluate('window.isTheSame')).toBe(true);
    expect(errors).toEqual([]);
    world.put(running(Date.now(), { revision: 10 }), planOf());
    await page.context().close();
  });

  it('brings a new execution into an open list', async () => {
    const page = await open('/');
    await page.locator('#live', { hasText: 'live' }).waitFor();
    world.put(executionOf({ id: 'newcomer23456777', createdAt: Date.now() }), planOf());
    await page.locator('a[href="/executions/newcomer23456777"]').waitFor();
    await page.context().close();
  });

  it('keeps the focus where it was when a part is replaced', async () => {
    const page = await open(`/executions/${RUN}`);
    await page.locator('#live', { hasText: 'live' }).waitFor();
    await page.locator('nav.trail a').first().focus();
    world.put(running(Date.now(), { revision: 11, restartOf: 'ebefored23456777' }), planOf());
    await page.getByText('again after').waitFor();
    expect(await page.evaluate('document.activeElement?.textContent')).toBe('Executions');
    await page.context().close();
  });

  it('works without script', async () => {
    const page = await open(`/executions/${RUN}`, { javaScriptEnabled: false });
    expect(await page.locator('.pill').textContent()).toContain('running');
    expect(await page.getByText('gennaker watch').count()).toBe(1);
    await page.context().close();
  });

  it('asks for the token where the pages are closed, and then shows what was asked for', async () => {
    const closed = await startApiWorld({ pages: 'token' });
    fill(closed);
    const context = await browser.newContext({ viewport: SIZES.phone });
    const page = await context.newPage();
    await page.goto(`${closed.url}/executions/${RUN}`);
    await page.getByLabel('API token').fill(API_TOKEN);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.locator('#live', { hasText: 'live' }).waitFor();
    expect(page.url()).toBe(`${closed.url}/executions/${RUN}`);
    await context.close();
    await closed.close();
  });
});
