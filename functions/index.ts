/** Registers every function by name. Each loads its own code, and only that, when it is the one that was deployed. */
import { http } from '@google-cloud/functions-framework';
import { type Container, containerOf } from './container.ts';
import type { Handler } from './push.ts';

type Module = { deployed(container: Container): Handler | Promise<Handler> };

const FUNCTIONS: { readonly [name: string]: () => Promise<Module> } = {
  'receive-webhook': () => import('./receive-webhook.ts'),
  'receive-message': () => import('./receive-message.ts'),
  tick: () => import('./tick.ts'),
  'start-executions': () => import('./start-executions.ts'),
  'advance-execution': () => import('./advance-execution.ts'),
  'sync-repositories': () => import('./sync-repositories.ts'),
  'send-notifications': () => import('./send-notifications.ts'),
  'serve-api': () => import('./serve-api.ts'),
};

let container: Container | undefined;

for (const [name, load] of Object.entries(FUNCTIONS)) {
  let handler: Promise<Handler> | undefined;
  const prepare = (): Promise<Handler> => {
    handler ??= load().then(async (module) => {
      container ??= containerOf(process.env);
      return module.deployed(container);
    });
    // What failed to load is tried again at the next request.
    handler.catch(() => {
      handler = undefined;
    });
    return handler;
  };
  // The deployed one is made ready while the instance starts, not by its first request.
  if (process.env.FUNCTION_TARGET === name) prepare().catch((error: unknown) => console.error(error));
  http(name, async (request, response) => (await prepare())(request, response));
}
