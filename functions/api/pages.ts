/** The routes of the pages: the list and one execution, each with the stream that keeps it current, and signing in. */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Assets } from '../../console/assets.ts';
import { type Page, renderDocument, updateOf } from '../../console/document.ts';
import { executionPage } from '../../console/execution-page.ts';
import { executionsPage } from '../../console/executions-page.ts';
import { noticePage, signInPage } from '../../console/plain-pages.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Pipelines } from '../../shared/ports/pipelines.ts';
import type { ExecutionDetail } from '../../shared/use-cases/describe-execution.ts';
import type { Authority } from './authority.ts';
import { eventStream, type ServerSentEvent } from './events-stream.ts';
import type { ExecutionFeed } from './execution-feed.ts';
import { html, type Refusal, type Reply, readQuery } from './http.ts';
import type { Route } from './router.ts';

const PAGE_EXECUTIONS = 30;
const MAXIMUM_FILTER_PIPELINES = 40;
const LIST_EVERY_MS = 3_000;
const ONE_YEAR_SECONDS = 31_536_000;

export type PagePorts = {
  readonly feed: ExecutionFeed;
  readonly pipelines: Pick<Pipelines, 'list'>;
  readonly authority: Authority;
  readonly assets: Assets;
  readonly clock: Clock;
  /** How often an open list is read again; by default every 3 s. */
  readonly listEveryMs?: number;
};

const ListQuery = z.object({
  pipeline: z.string().min(1).max(200).optional(),
  before: z.iso
    .datetime({ offset: true })
    .transform((time) => Date.parse(time))
    .optional(),
});

export function pageRoutes(ports: PagePorts): readonly Route[] {
  const { feed, assets, clock, authority } = ports;
  const show = (page: Page, status = 200): Reply => html(status, renderDocument(page, assets.addresses));

  async function list(query: z.infer<typeof ListQuery>): Promise<Page> {
    const [executions, pipelines] = await Promise.all([
      feed.list({ ...query, limit: PAGE_EXECUTIONS + 1 }),
      ports.pipelines.list({ limit: MAXIMUM_FILTER_PIPELINES }),
    ]);
    return executionsPage({
      executions: executions.slice(0, PAGE_EXECUTIONS),
      pipelines: pipelines.map(({ name }) => name),
      ...(query.pipeline !== undefined && { pipeline: query.pipeline }),
      hasOlder: executions.length > PAGE_EXECUTIONS,
      isOlder: query.before !== undefined,
      now: clock.now(),
    });
  }

  async function one(execution: ExecutionDetail): Promise<Page> {
    return executionPage({ execution, history: await feed.history(execution.id), now: clock.now() });
  }

  /** Says the page now, which may be newer than what the browser has, and again whenever it is told otherwise. */
  async function* listChanges(query: z.infer<typeof ListQuery>, signal: AbortSignal): AsyncGenerator<ServerSentEvent> {
    let shown = '';
    while (!signal.aborted) {
      const executions = await feed.list({ ...query, limit: PAGE_EXECUTIONS + 1 });
      const text = JSON.stringify(executions);
      if (text !== shown) yield { event: 'page', data: updateOf(await list(query)) };
      shown = text;
      await sleep(ports.listEveryMs ?? LIST_EVERY_MS, undefined, { signal }).catch(onlyAbort(signal));
    }
  }

  return [
    {
      method: 'GET',
      pattern: '/',
      access: 'viewer',
      handle: async (request) => show(await list(readQuery(request, ListQuery))),
    },
    {
      method: 'GET',
      pattern: '/events',
      access: 'viewer',
      handle(request) {
        const query = readQuery(request, ListQuery);
        return eventStream({ clock, signal: request.signal, events: (signal) => listChanges(query, signal) });
      },
    },
    {
      method: 'GET',
      pattern: '/executions/:id',
      access: 'viewer',
      async handle(request) {
        return show(await one(await feed.describe(await feed.find(request.parameters.id ?? ''))));
      },
    },
    {
      method: 'GET',
      pattern: '/executions/:id/events',
      access: 'viewer',
      async handle(request) {
        const execution = await feed.find(request.parameters.id ?? '');
        return eventStream({
          clock,
          signal: request.signal,
          async *events(signal) {
            for await (const detail of feed.follow(execution, signal)) {
              yield { event: 'page', id: String(detail.revision), data: updateOf(await one(detail)) };
            }
            if (!signal.aborted) yield { event: 'end', data: {} };
          },
        });
      },
    },
    {
      method: 'GET',
      pattern: '/assets/:file',
      access: 'anyone',
      handle(request) {
        const asset = assets.files.get(request.parameters.file ?? '');
        if (asset === undefined) return show(noticePage('Not found', 'There is no such file.'), 404);
        const headers = {
          'content-type': asset.type,
          'cache-control': `public, max-age=${ONE_YEAR_SECONDS}, immutable`,
        };
        return { status: 200, headers, body: asset.content };
      },
    },
    {
      method: 'POST',
      pattern: '/sign-in',
      access: 'anyone',
      async handle(request) {
        const form = new URLSearchParams(await request.text());
        const returnTo = pathOf(form.get('returnTo') ?? '/');
        if (!authority.isToken(form.get('token') ?? '')) return show(signInPage({ returnTo, wasWrong: true }), 401);
        const headers = { location: returnTo, 'set-cookie': authority.sessionCookie(), 'cache-control': 'no-store' };
        return { status: 303, headers, body: '' };
      },
    },
  ];
}

/** The page for a request of a browser that is not answered as asked. */
export function refusalPage(refusal: Refusal, path: string, assets: Assets): Reply {
  if (refusal.status === 401) {
    return html(401, renderDocument(signInPage({ returnTo: path, wasWrong: false }), assets.addresses));
  }
  const title = refusal.status === 404 ? 'Not found' : 'This did not work';
  const reply = html(refusal.status, renderDocument(noticePage(title, refusal.message), assets.addresses));
  return { ...reply, headers: { ...reply.headers, ...refusal.headers } };
}

/** Only a path on this server: `//elsewhere` would lead away. */
function pathOf(text: string): string {
  return /^\/(?![/\\])[\w\-./?=&%:]*$/.test(text) ? text : '/';
}

function onlyAbort(signal: AbortSignal): (error: unknown) => void {
  return (error) => {
    if (!signal.aborted) throw error;
  };
}
