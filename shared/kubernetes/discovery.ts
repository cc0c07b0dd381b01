/** Finds the path under which an API server keeps objects of a kind, custom resources included. */
import type { ApiAnswer } from './transport.ts';

/** A kind that was not there is asked for again after this long: its definition may have been installed since. */
const ABSENT_MS = 1_000;

/** Where objects of one kind are kept. */
export type Resource = {
  /** `/apis/apps/v1` */
  readonly base: string;
  /** `deployments` */
  readonly plural: string;
  readonly namespaced: boolean;
};

/** Asks the API server for the resources of one group and version. */
export type AskForResources = (path: string, signal: AbortSignal | undefined) => Promise<ApiAnswer>;

export class Discovery {
  readonly #ask: AskForResources;
  readonly #groups = new Map<string, { kinds: Map<string, Resource>; askedAt: number }>();

  constructor(ask: AskForResources) {
    this.#ask = ask;
  }

  /** The resource of a kind, or undefined where the API server does not have it (yet). */
  async find(query: {
    apiVersion: string;
    kind: string;
    signal?: AbortSignal | undefined;
  }): Promise<Resource | undefined> {
    const known = this.#groups.get(query.apiVersion);
    const found = known?.kinds.get(query.kind);
    if (found !== undefined) return found;
    if (known !== undefined && performance.now() - known.askedAt < ABSENT_MS) return undefined;
    const base = query.apiVersion.includes('/') ? `/apis/${query.apiVersion}` : `/api/${query.apiVersion}`;
    const answer = await this.#ask(base, query.signal);
    const kinds = answer.status === 404 ? new Map<string, Resource>() : kindsOf(base, answer.body);
    this.#groups.set(query.apiVersion, { kinds, askedAt: performance.now() });
    return kinds.get(query.kind);
  }
}

/** Reads an APIResourceList; subresources such as `deployments/status` are left out. */
function kindsOf(base: string, body: unknown): Map<string, Resource> {
  const list = body as { resources?: { name: string; kind: string; namespaced: boolean }[] };
  const kinds = new Map<string, Resource>();
  for (const { name, kind, namespaced } of list.resources ?? []) {
    if (!name.includes('/')) kinds.set(kind, { base, plural: name, namespaced });
  }
  return kinds;
}
