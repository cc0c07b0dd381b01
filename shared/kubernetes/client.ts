/** The cluster port on a real Kubernetes API server: raw manifests over one pool, because client-node's object API drops and changes fields. */
import {
  type Cluster,
  ClusterError,
  type ClusterErrorCode,
  type ClusterEvent,
  describeObject,
  type Expected,
  type LiveObject,
  MAXIMUM_LOG_BYTES,
  type ManagedFields,
  type Manifest,
  type ObjectReference,
  referenceOf,
  type Selection,
  type WatchEvent,
} from '../ports/cluster.ts';
import type { ClusterAccess } from './access.ts';
import { Discovery, type Resource } from './discovery.ts';
import { withoutUnclaimed } from './field-sets.ts';
import { lastLines } from './log-lines.ts';
import { claimForApply } from './ownership.ts';
import { type ApiAnswer, type ApiRequest, Transport } from './transport.ts';

const PAGE_SIZE = 500;
const MAXIMUM_PAGES = 100;
/** The server ends a watch after this long; it is then resumed from the last version seen. */
const WATCH_SECONDS = 300;
/** A server that ends watches sooner, with nothing to tell, would be asked again and again. */
const SHORTEST_WATCH_MS = 1_000;

export type { ClusterAccess } from './access.ts';

/** Opens the cluster. Nothing is sent and nothing heavy is loaded before the first request. */
export function openCluster(options: { access: ClusterAccess; requestTimeoutMs?: number }): KubernetesCluster {
  return new KubernetesCluster(options.access, options.requestTimeoutMs);
}

export class KubernetesCluster implements Cluster {
  readonly #transport: Transport;
  readonly #discovery: Discovery;

  constructor(access: ClusterAccess, requestTimeoutMs?: number) {
    this.#transport = new Transport(access, requestTimeoutMs);
    this.#discovery = new Discovery(async (path, signal) => {
      const request: ApiRequest = { method: 'GET', path, doing: `read the kinds under ${path}`, signal };
      const answer = await this.#transport.send(request);
      if (answer.status !== 200 && answer.status !== 404) throw refusal(request.doing, answer);
      return answer;
    });
  }

  async isNamespaced(query: { apiVersion: string; kind: string; signal?: AbortSignal }): Promise<boolean | undefined> {
    return (await this.#discovery.find(query))?.namespaced;
  }

  async get(query: { ref: ObjectReference; signal?: AbortSignal }): Promise<LiveObject | undefined> {
    const { ref, signal } = query;
    const doing = `read ${describeObject(ref)}`;
    const resource = await this.#discovery.find({ ...ref, signal });
    if (resource === undefined) return undefined;
    const answer = await this.#transport.send({ method: 'GET', path: objectPath(resource, ref, doing), doing, signal });
    if (answer.status === 404) return undefined;
    return accepted(doing, answer);
  }

  async list(query: Selection & { signal?: AbortSignal }): Promise<{ items: LiveObject[]; resourceVersion: string }> {
    const doing = `list ${describeSelection(query)}`;
    const resource = await this.#resource(query, doing, query.signal);
    const items: LiveObject[] = [];
    let resourceVersion: string | undefined;
    let next: string | undefined;
    for (let page = 0; page < MAXIMUM_PAGES; page++) {
      const parameters = { ...selectors(query), limit: String(PAGE_SIZE), ...(next ? { continue: next } : {}) };
      const path = collectionPath(resource, query.namespace);
      const request: ApiRequest = { method: 'GET', path, query: parameters, doing, signal: query.signal };
      const answer = await this.#transport.send(request);
      if (answer.status !== 200) throw refusal(doing, answer);
      const list = answer.body as { metadata: { resourceVersion: string; continue?: string }; items: LiveObject[] };
      // Items of a list do not repeat its kind.
      for (const item of list.items) items.push({ ...item, apiVersion: query.apiVersion, kind: query.kind });
      resourceVersion ??= list.metadata.resourceVersion;
      next = list.metadata.continue;
      if (!next) return { items, resourceVersion };
    }
    throw new ClusterError('other', `could not ${doing}: there are more than ${PAGE_SIZE * MAXIMUM_PAGES}`);
  }

  async *watch(query: Selection & { resourceVersion: string; signal: AbortSignal }): AsyncGenerator<WatchEvent> {
    const doing = `watch ${describeSelection(query)}`;
    let { resourceVersion } = query;
    try {
      const resource = await this.#resource(query, doing, query.signal);
      const path = collectionPath(resource, query.namespace);
      while (!query.signal.aborted) {
        const parameters = {
          ...selectors(query),
          watch: 'true',
          allowWatchBookmarks: 'true',
          timeoutSeconds: String(WATCH_SECONDS),
          resourceVersion,
        };
        const request: ApiRequest = { method: 'GET', path, query: parameters, doing, signal: query.signal };
        const lines = this.#transport.stream(request, (answer) => {
          throw refusal(doing, answer);
        });
        let quiet = true;
        const openedAt = performance.now();
        for await (const line of lines) {
          quiet = false;
          const event = watchEvent(doing, line);
          resourceVersion = event.type === 'BOOKMARK' ? event.resourceVersion : event.object.metadata.resourceVersion;
          yield event;
        }
        if (quiet && performance.now() - openedAt < SHORTEST_WATCH_MS && !query.signal.aborted) {
          throw new ClusterError('unreachable', `could not ${doing}: the server ended the watch at once`);
        }
      }
    } catch (error) {
      if (!query.signal.aborted) throw error;
    }
  }

  async create(command: { manifest: Manifest; fieldManager: string; signal?: AbortSignal }): Promise<LiveObject> {
    const { manifest, fieldManager, signal } = command;
    const doing = `create ${describeObject(referenceOf(manifest))}`;
    const resource = await this.#resource(manifest, doing, signal);
    const answer = await this.#transport.send({
      method: 'POST',
      path: collectionPath(resource, namespaceOf(resource, manifest.metadata, doing)),
      query: { fieldManager, fieldValidation: 'Strict' },
      body: forResource(resource, manifest),
      doing,
      signal,
    });
    return accepted(doing, answer);
  }

  async apply(command: {
    manifest: Manifest;
    expected: Expected;
    fieldManager: string;
    signal?: AbortSignal;
  }): Promise<LiveObject> {
    const { manifest, fieldManager, signal } = command;
    const ref = referenceOf(manifest);
    const doing = `apply ${describeObject(ref)}`;
    const resource = await this.#resource(manifest, doing, signal);
    const path = objectPath(resource, ref, doing);
    const { uid } = command.expected;
    const resourceVersion = await this.#claimFields(path, doing, command);
    const raw = forResource(resource, manifest);
    const answer = await this.#transport.send({
      method: 'PATCH',
      path,
      query: { fieldManager, force: 'true', fieldValidation: 'Strict' },
      contentType: 'application/apply-patch+yaml',
      body: { ...raw, metadata: { ...raw.metadata, resourceVersion, uid } },
      doing,
      signal,
    });
    return accepted(doing, answer);
  }

  async dryRun(query: {
    manifest: Manifest;
    live?: LiveObject;
    fieldManager: string;
    signal?: AbortSignal;
  }): Promise<LiveObject> {
    const { manifest, live, fieldManager, signal } = query;
    const ref = referenceOf(manifest);
    const doing = `try ${describeObject(ref)}`;
    const resource = await this.#resource(manifest, doing, signal);
    const raw = forResource(resource, manifest);
    const options = { dryRun: 'All', fieldManager, fieldValidation: 'Strict' };
    if (live === undefined) {
      const path = collectionPath(resource, namespaceOf(resource, manifest.metadata, doing));
      return accepted(
        doing,
        await this.#transport.send({ method: 'POST', path, query: options, body: raw, doing, signal }),
      );
    }
    const path = objectPath(resource, ref, doing);
    const { uid, resourceVersion } = live.metadata;
    const applied = await this.#transport.send({
      method: 'PATCH',
      path,
      query: { ...options, force: 'true' },
      contentType: 'application/apply-patch+yaml',
      body: { ...raw, metadata: { ...raw.metadata, resourceVersion, uid } },
      doing,
      signal,
    });
    const merged = accepted(doing, applied);
    const left = withoutUnclaimed(merged, fieldManager);
    if (patchTo(merged, left).length === 0) return merged;
    // An apply claims what was created by POST, and a claim cannot be tried: its effect is patched in, and the server
    // fills the gaps with defaults again. What it takes and does not give back, as stringData, has to be given again.
    const taken = Object.entries(raw).filter(([field]) => !(field in merged));
    const patch = patchTo(live, { ...left, ...Object.fromEntries(taken) });
    const answer = await this.#transport.send({
      method: 'PATCH',
      path,
      query: options,
      contentType: 'application/json-patch+json',
      body: [{ op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion }, ...patch],
      doing,
      signal,
    });
    return accepted(doing, answer);
  }

  async delete(command: {
    ref: ObjectReference;
    expected: Expected;
    propagation: 'foreground' | 'background' | 'orphan';
    signal?: AbortSignal;
  }): Promise<void> {
    const { ref, expected, signal } = command;
    const doing = `delete ${describeObject(ref)}`;
    const resource = await this.#resource(ref, doing, signal);
    const answer = await this.#transport.send({
      method: 'DELETE',
      path: objectPath(resource, ref, doing),
      body: {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        preconditions: { uid: expected.uid, resourceVersion: expected.resourceVersion },
        propagationPolicy: PROPAGATION[command.propagation],
      },
      doing,
      signal,
    });
    if (answer.status >= 300) throw refusal(doing, answer);
  }

  async events(query: { ref: ObjectReference & { uid: string }; signal?: AbortSignal }): Promise<ClusterEvent[]> {
    const { ref, signal } = query;
    const doing = `read the events of ${describeObject(ref)}`;
    const answer = await this.#transport.send({
      method: 'GET',
      // Events about objects of the whole cluster lie in `default`.
      path: `/api/v1/namespaces/${encodeURIComponent(ref.namespace ?? 'default')}/events`,
      query: { fieldSelector: `involvedObject.uid=${ref.uid}`, limit: String(PAGE_SIZE) },
      doing,
      signal,
    });
    if (answer.status !== 200) throw refusal(doing, answer);
    const { items } = answer.body as { items: RecordedEvent[] };
    const events = items.map((event): ClusterEvent => {
      const lastSeen = event.series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime ?? undefined;
      return {
        type: event.type ?? 'Normal',
        reason: event.reason ?? '',
        message: event.message ?? '',
        count: event.series?.count ?? event.count ?? 1,
        ...(lastSeen === undefined ? {} : { lastSeen }),
      };
    });
    return events.sort((one, other) => Date.parse(one.lastSeen ?? '') - Date.parse(other.lastSeen ?? '') || 0);
  }

  async logs(query: {
    pod: { readonly name: string; readonly namespace: string };
    container: string;
    lines: number;
    signal?: AbortSignal;
  }): Promise<string[] | undefined> {
    const { pod, container, lines, signal } = query;
    const doing = `read the log of Pod ${pod.namespace}/${pod.name}`;
    const answer = await this.#transport.send({
      method: 'GET',
      path: `/api/v1/namespaces/${encodeURIComponent(pod.namespace)}/pods/${encodeURIComponent(pod.name)}/log`,
      query: { container, tailLines: String(lines), limitBytes: String(MAXIMUM_LOG_BYTES) },
      expects: 'text',
      doing,
      signal,
    });
    if (answer.status === 404) return undefined;
    // Of a container that has not started, the server says that it is waiting.
    if (answer.status === 400 && /is waiting to start/.test((answer.body as Status).message ?? '')) return [];
    // Nor has one whose pod has no node yet anything to tell.
    if (answer.status === 204) return [];
    if (answer.status !== 200) throw refusal(doing, answer);
    return lastLines(String(answer.body), lines);
  }

  /** Ends the connections; the cluster may be used again afterwards. */
  close(): void {
    this.#transport.close();
  }

  /** Makes what this manager wrote by POST owned by its apply, if it is not yet. Returns the version to apply to. */
  async #claimFields(
    path: string,
    doing: string,
    command: { expected: Expected; fieldManager: string; signal?: AbortSignal },
  ): Promise<string> {
    const { expected, signal } = command;
    const { uid, resourceVersion } = expected;
    let entries: readonly ManagedFields[] | undefined = expected.managedFields;
    if (entries === undefined) {
      const answer = await this.#transport.send({ method: 'GET', path, doing, signal });
      if (answer.status === 404) throw new ClusterError('conflict', `could not ${doing}: it is gone`);
      entries = accepted(doing, answer).metadata.managedFields ?? [];
    }
    const managedFields = claimForApply(entries, command.fieldManager);
    if (managedFields === undefined) return resourceVersion;
    const answer = await this.#transport.send({
      method: 'PATCH',
      path,
      contentType: 'application/merge-patch+json',
      body: { metadata: { resourceVersion, uid, managedFields } },
      doing,
      signal,
    });
    if (answer.status === 404) throw new ClusterError('conflict', `could not ${doing}: it is gone`);
    return accepted(doing, answer).metadata.resourceVersion;
  }

  async #resource(
    of: { apiVersion: string; kind: string },
    doing: string,
    signal: AbortSignal | undefined,
  ): Promise<Resource> {
    const resource = await this.#discovery.find({ apiVersion: of.apiVersion, kind: of.kind, signal });
    if (resource !== undefined) return resource;
    throw new ClusterError('notFound', `could not ${doing}: the cluster has no kind ${of.kind} in ${of.apiVersion}`);
  }
}

const PROPAGATION = { foreground: 'Foreground', background: 'Background', orphan: 'Orphan' } as const;

type RecordedEvent = {
  type?: string;
  reason?: string;
  message?: string;
  count?: number;
  lastTimestamp?: string | null;
  eventTime?: string | null;
  series?: { count: number; lastObservedTime: string };
};

type Status = { message?: string; reason?: string; code?: number; details?: { causes?: { field?: string }[] } };

function namespaceOf(resource: Resource, of: { namespace?: string }, doing: string): string | undefined {
  if (!resource.namespaced) return undefined;
  if (of.namespace === undefined) throw new ClusterError('invalid', `could not ${doing}: it names no namespace`);
  return of.namespace;
}

function collectionPath(resource: Resource, namespace: string | undefined): string {
  const within = namespace === undefined || !resource.namespaced ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${resource.base}${within}/${resource.plural}`;
}

function objectPath(resource: Resource, ref: ObjectReference, doing: string): string {
  return `${collectionPath(resource, namespaceOf(resource, ref, doing))}/${encodeURIComponent(ref.name)}`;
}

/** The manifest, without a namespace where the kind belongs to the whole cluster: callers give every object one. */
function forResource(resource: Resource, manifest: Manifest): Manifest {
  if (resource.namespaced || manifest.metadata.namespace === undefined) return manifest;
  const { namespace: _, ...metadata } = manifest.metadata;
  return { ...manifest, metadata: metadata as Manifest['metadata'] };
}

type PatchOperation = { op: 'add' | 'remove'; path: string; value?: unknown };

/** The JSON patch, in whole fields, from one state of an object to another. What the server keeps for itself stays. */
function patchTo(from: LiveObject, to: LiveObject): PatchOperation[] {
  const kept = new Set(['apiVersion', 'kind', 'metadata', 'status']);
  const top = Object.keys({ ...from, ...to }).filter((field) => !kept.has(field));
  return [
    ...top.flatMap((field) => operation(`/${field}`, from[field], to[field])),
    ...['labels', 'annotations', 'finalizers', 'ownerReferences'].flatMap((field) =>
      operation(`/metadata/${field}`, from.metadata[field], to.metadata[field]),
    ),
  ];
}

function operation(path: string, from: unknown, to: unknown): PatchOperation[] {
  if (JSON.stringify(from) === JSON.stringify(to)) return [];
  return to === undefined ? [{ op: 'remove', path }] : [{ op: 'add', path, value: to }];
}

function selectors(selection: Selection): { [name: string]: string } {
  return {
    ...(selection.labelSelector === undefined ? {} : { labelSelector: selection.labelSelector }),
    ...(selection.name === undefined ? {} : { fieldSelector: `metadata.name=${selection.name}` }),
  };
}

function describeSelection(selection: Selection): string {
  const { kind, namespace, name, labelSelector } = selection;
  if (name !== undefined) return describeObject({ kind, name, ...(namespace === undefined ? {} : { namespace }) });
  const where = namespace === undefined ? '' : ` in ${namespace}`;
  return `every ${kind}${where}${labelSelector === undefined ? '' : ` with ${labelSelector}`}`;
}

function watchEvent(doing: string, line: unknown): WatchEvent {
  const { type, object } = line as { type: string; object: unknown };
  if (type === 'ERROR') throw refusal(doing, { status: (object as Status).code ?? 500, body: object });
  if (type === 'BOOKMARK') return { type, resourceVersion: (object as LiveObject).metadata.resourceVersion };
  if (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') return { type, object: object as LiveObject };
  throw new ClusterError('other', `could not ${doing}: the API server sent an event of type ${type}`);
}

function accepted(doing: string, answer: ApiAnswer): LiveObject {
  if (answer.status >= 200 && answer.status < 300) return answer.body as LiveObject;
  throw refusal(doing, answer);
}

/** The one place that tells what an API server's refusal means. */
function refusal(doing: string, answer: ApiAnswer): ClusterError {
  const status = (typeof answer.body === 'object' && answer.body !== null ? answer.body : {}) as Status;
  const said = status.message ?? (typeof answer.body === 'string' ? answer.body.slice(0, 200) : '');
  return new ClusterError(refusalCode(answer.status, status), `could not ${doing}: ${answer.status} ${said}`.trim());
}

function refusalCode(httpStatus: number, status: Status): ClusterErrorCode {
  // Another uid under the same version: the object is not the one that was read.
  if (httpStatus === 422 && status.details?.causes?.some((cause) => cause.field === 'metadata.uid')) return 'conflict';
  switch (httpStatus) {
    case 400:
    case 405:
    case 413:
    case 415:
    case 422:
      return 'invalid';
    case 401:
      return 'unauthorized';
    case 403:
      return 'forbidden';
    case 404:
      return 'notFound';
    case 409:
      return status.reason === 'AlreadyExists' ? 'alreadyExists' : 'conflict';
    case 410:
      return 'expired';
    case 429:
      return 'unreachable';
    case 500:
      // Server-side apply answers a field that the schema does not have with a bare 500 (seen on 1.34).
      return status.message?.startsWith('failed to create typed patch object') ? 'invalid' : 'unreachable';
    default:
      return httpStatus > 500 ? 'unreachable' : 'other';
  }
}
