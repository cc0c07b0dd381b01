/** Follows one document as it changes: the only thing that needs Firestore's client library, which is loaded for it alone. */
import type { Firestore } from '@google-cloud/firestore';
import { lazily } from './access-token.ts';
import type { WatchDocument } from './executions.ts';

type Watcher = { readonly watch: WatchDocument; close(): Promise<void> };

export function documentWatcher(options: {
  projectId: string;
  databaseId: string;
  /** `127.0.0.1:<port>` */
  emulator?: string | undefined;
}): Watcher {
  const { projectId, databaseId, emulator } = options;
  let client: Firestore | undefined;
  const open = lazily(async () => {
    const { Firestore } = await import('@google-cloud/firestore');
    client = new Firestore({ projectId, databaseId, ...(emulator === undefined ? {} : await emulated(emulator)) });
    return client;
  });
  return {
    async watch({ path, signal, changed, failed }) {
      const firestore = await open();
      if (signal.aborted) return;
      const end = firestore.doc(path).onSnapshot((snapshot) => {
        const body: unknown = snapshot.get('body');
        if (typeof body === 'string') changed(body);
      }, failed);
      signal.addEventListener('abort', end, { once: true });
    },
    async close() {
      await client?.terminate();
    },
  };
}

async function emulated(host: string) {
  const { PassThroughClient } = await import('google-auth-library');
  return {
    host,
    ssl: false,
    customHeaders: { Authorization: 'Bearer owner' },
    authClient: new PassThroughClient(),
  };
}
