/** The API and the pages on a free port, over executions that a test sets, with every command recorded. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ServeApiOptions, serveApi } from '../../functions/serve-api.ts';
import type { Plan } from '../../shared/core/plan.ts';
import type { Execution, Transition } from '../../shared/core/run.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { NO_HOLDS } from '../../shared/ports/holds.ts';
import type { InboxEntry } from '../../shared/ports/inbox.ts';
import type { AppliedPipeline } from '../../shared/ports/pipelines.ts';
import type { Progress } from '../../shared/ports/progress.ts';
import { recordingLog } from './execution-fixtures.ts';

export const API_TOKEN = 'token-of-the-test';

export const realClock: Clock = {
  now: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

const TEMPLATE_RECORD = {
  format: 1,
  name: 'microservice',
  owner: 'platform',
  description: 'A web service',
  versions: [],
} as const;
const TEMPLATE = { ...TEMPLATE_RECORD, released: null, rollout: null };

const NO_REQUEST = { images: {}, inputs: {}, by: 'the test', at: 0 };

export async function startApiWorld(more: Partial<ServeApiOptions> = {}) {
  const executions = new Map<string, Execution>();
  const plans = new Map<string, Plan>();
  const histories = new Map<string, Transition[]>();
  const progress = new Map<string, readonly Progress[]>();
  const entries: InboxEntry[] = [];
  const applied: AppliedPipeline[] = [];
  const commands: { name: string; command: unknown }[] = [];
  const watchers = new Set<() => void>();
  const log = recordingLog();
  const recorded =
    <C, A>(name: string, answer: A) =>
    async (command: C): Promise<A> => {
      commands.push({ name, command });
      return answer;
    };

  const options: ServeApiOptions = {
    store: {
      async readExecution({ id }) {
        const value = executions.get(id);
        return value === undefined ? undefined : { value, version: String(value.revision) };
      },
      async list({ pipeline, idPrefix = '', before = Number.POSITIVE_INFINITY, limit }) {
        return [...executions.values()]
          .filter((one) => pipeline === undefined || one.pipeline === pipeline)
          .filter((one) => one.id.startsWith(idPrefix) && one.createdAt < before)
          .sort((a, b) => b.createdAt - a.createdAt)
          .slice(0, limit);
      },
      async *observe({ id, signal }) {
        let shown = -1;
        while (!signal.aborted) {
          const now = executions.get(id);
          if (now !== undefined && now.revision !== shown) {
            shown = now.revision;
            yield now;
            continue;
          }
          await new Promise<void>((resolve) => {
            const wake = () => {
              watchers.delete(wake);
              signal.removeEventListener('abort', wake);
              resolve();
            };
            watchers.add(wake);
            signal.addEventListener('abort', wake);
          });
        }
      },
    },
    history: { read: async ({ execution }) => histories.get(execution) ?? [] },
    progress: { read: async ({ execution }) => progress.get(execution) ?? [] },
    inbox: {
      get: async ({ id }) => entries.find((entry) => entry.id === id),
      list: async ({ limit }) => entries.slice(0, limit),
    },
    pipelines: {
      get: async ({ name }) => applied.find((one) => one.name === name),
      list: async ({ limit }) => applied.slice(0, limit),
    },
    readPlan: async ({ hash }) => plans.get(hash),
    clock: realClock,
    log,
    token: API_TOKEN,
    pages: 'open',
    baseUrl: 'http://127.0.0.1',
    isLoopback: true,
    progressEveryMs: 50,
    listEveryMs: 50,
    cancelExecution: recorded('cancel', { is: 'stopping' }),
    restartExecution: recorded('restart', {
      is: 'accepted',
      event: 'evt-2',
      execution: 'next',
      text: 'from the start',
    }),
    signalStage: recorded('signal', { is: 'taken' }),
    decideStage: recorded('decide', { is: 'taken' }),
    applyPipelines: recorded('apply', {
      is: 'applied',
      pipelines: [{ name: 'items-api', change: 'created' }],
      notes: [],
    }),
    templates: {
      list: async () => [],
      show: recorded('show-template', { template: TEMPLATE }),
      publish: recorded('publish', { is: 'unchanged', template: 'microservice', version: '2.1.0' }),
      impact: recorded('impact', {
        is: 'compared',
        file: 'microservice.yaml',
        template: 'microservice',
        version: '2.2.0',
        changes: [],
        pipelines: [],
      }),
      rollBack: recorded('roll-back', { is: 'decided', record: TEMPLATE_RECORD }),
      continueRollout: recorded('continue', { is: 'decided', record: TEMPLATE_RECORD }),
      deprecate: recorded('deprecate', { is: 'decided', record: TEMPLATE_RECORD }),
      advance: async () => undefined,
    },
    readCatalog: recorded('catalog', []),
    copyPipeline: recorded('copy', { is: 'copied', text: 'pipeline: a\n', files: {} }),
    planPipelines: recorded('plan', { is: 'planned', request: NO_REQUEST, pipelines: [] }),
    applyPlan: recorded('apply-plan', { is: 'applied', pipelines: [], notes: [] }),
    repositories: { list: async () => [] },
    teams: { list: async () => [] },
    registerRepository: recorded('registerRepository', { is: 'refused' as const, text: 'there is no team "items"' }),
    removeRepository: recorded('removeRepository', true),
    requestSync: recorded('requestSync', { is: 'accepted' as const, event: 'manual-1', record: 'sync-items-manual-1' }),
    setTeam: recorded('setTeam', 'created' as const),
    removeTeam: recorded('removeTeam', { is: 'removed' as const }),
    holds: {
      read: async () => NO_HOLDS,
      setWindows: recorded('windows', { is: 'changed' }),
      addFreeze: recorded('freeze', { is: 'changed' }),
      setFreezes: recorded('freezes', { is: 'changed' }),
      liftFreeze: recorded('lift', { is: 'unchanged' }),
      pause: recorded('pause', { is: 'changed' }),
      resume: recorded('resume', { is: 'changed' }),
      override: recorded('override', { is: 'refused', text: 'it waits for no window' }),
      skip: recorded('skip', { is: 'taken' }),
    },
    explainEvent: recorded('explain', {
      event: { id: 'evt-1', type: 'image-pushed', source: 'docker-hub', text: 'image pushed' },
      triggers: [],
      more: 0,
    }),
    replayEvent: recorded('replay', { is: 'accepted', event: 'replay-1', isMasked: false }),
    dryRun: recorded('dry-run', { is: 'planned', request: NO_REQUEST, pipelines: [] }),
    requestRun: recorded('run', { is: 'accepted', event: 'evt-3', execution: 'next' }),
    ...more,
  };
  const handle = serveApi(options);
  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;

  return {
    url,
    port,
    log,
    commands,
    entries,
    applied,
    progress,
    histories,
    put(execution: Execution, plan: Plan) {
      executions.set(execution.id, execution);
      plans.set(execution.plan, plan);
      for (const wake of [...watchers]) wake();
    },
    ask: (path: string, init: RequestInit = {}) =>
      fetch(`${url}${path}`, {
        redirect: 'manual',
        ...init,
        headers: { authorization: `Bearer ${API_TOKEN}`, ...init.headers },
      }),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export type ApiWorld = Awaited<ReturnType<typeof startApiWorld>>;
