/** How pods fare in the sandbox: a pod's state follows from its image's tag and the time since it was created. */
import type { LiveObject } from '../ports/cluster.ts';
import type { Condition, Container, ContainerState, ContainerStatus, Pod } from './objects.ts';
import { instant, stamp, type World } from './sandbox-world.ts';

/** All in milliseconds since the pod's creation. */
const SCHEDULED_AFTER_MS = 50;
const STARTED_AFTER_MS = 500;
const READY_AFTER_MS = 800;
const SLOW_READY_AFTER_MS = 5_000;
const COMPLETED_AFTER_MS = 900;
const PULL_REFUSED_AFTER_MS = 400;
const PULL_BACK_OFF_AFTER_MS = 900;
const CRASH_CYCLE_MS = 1_000;
const CRASH_RUN_MS = 300;
/** Then the back-off is as long as a person would wait, so that an idle sandbox comes to rest. */
const CRASHES = 5;

const TERMINATION_MS = 300;

const NODE_LABELS: { readonly [key: string]: string } = {
  'kubernetes.io/hostname': 'sandbox-1',
  'kubernetes.io/os': 'linux',
  'kubernetes.io/arch': 'amd64',
};

/** What the containers of a Job's pod write as their termination message when they end. */
export const TERMINATION_MESSAGE_ANNOTATION = 'sandbox.gennaker.dev/termination-message';
/** What the containers of a pod have written to their log once they have started. */
export const LOG_ANNOTATION = 'sandbox.gennaker.dev/log';
/** Kubernetes keeps no more of a message. */
const TERMINATION_MESSAGE_BYTES = 4096;

const UNSCHEDULABLE = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.";

export const FATES = ['ready', 'slow', 'broken', 'crash', 'fail'] as const;
/** How a container fares: `broken` cannot be pulled, `crash` ends again and again, `fail` ends a Job badly. */
export type Fate = (typeof FATES)[number];
/** Decides it by the container's image. */
export type FateOf = (image: string | undefined) => Fate;

/** What becomes of a container, by the tag of its image. */
export function fateOf(image: string | undefined): Fate {
  const tag = /:([^:/@]+)(@.*)?$/.exec(image ?? '')?.[1];
  return tag === 'slow' || tag === 'broken' || tag === 'crash' || tag === 'fail' ? tag : 'ready';
}

/** Brings one pod to where it stands now; a terminating pod goes away in time. */
export function passPod(world: World, pod: LiveObject): void {
  if (pod.metadata.deletionTimestamp !== undefined) {
    const gone = instant(pod.metadata.deletionTimestamp) + TERMINATION_MS;
    if (world.now >= gone) world.remove(pod);
    else world.wakeAt(gone);
    return;
  }
  const { phase } = (pod as Pod).status ?? {};
  if (phase === 'Failed' || phase === 'Succeeded') return;
  const created = instant(pod.metadata.creationTimestamp);
  const age = world.now - created;
  const { status, next } = statusAt(pod as Pod, age, world.fateOf);
  if (!isScheduled(pod as Pod)) recordOnce(world, pod, 'FailedScheduling', UNSCHEDULABLE);
  const waiting = status.containerStatuses.map((container) => container.state?.waiting).find(Boolean);
  if (waiting?.reason === 'ErrImagePull') recordOnce(world, pod, 'Failed', waiting.message ?? waiting.reason);
  world.update(pod, { status });
  if (next !== undefined) world.wakeAt(created + next);
}

function recordOnce(world: World, pod: LiveObject, reason: string, message: string): void {
  world.record(pod, { type: 'Warning', reason, message });
}

function isScheduled(pod: Pod): boolean {
  return Object.entries(pod.spec?.nodeSelector ?? {}).every(([key, value]) => NODE_LABELS[key] === value);
}

type PodStatus = {
  phase: string;
  conditions: Condition[];
  containerStatuses: ContainerStatus[];
  initContainerStatuses: ContainerStatus[];
  startTime?: string;
  podIP?: string;
};

/** The status at an age, and the age at which it changes next. */
function statusAt(pod: Pod, age: number, fateOf: FateOf): { status: PodStatus; next: number | undefined } {
  const created = instant(pod.metadata.creationTimestamp);
  const at = (after: number) => stamp(created + after);
  if (!isScheduled(pod) || age < SCHEDULED_AFTER_MS) {
    const failed = !isScheduled(pod);
    const scheduled: Condition = failed
      ? {
          type: 'PodScheduled',
          status: 'False',
          reason: 'Unschedulable',
          message: UNSCHEDULABLE,
          lastTransitionTime: at(0),
        }
      : { type: 'PodScheduled', status: 'Unknown', lastTransitionTime: at(0) };
    const status = { phase: 'Pending', conditions: [scheduled], containerStatuses: [], initContainerStatuses: [] };
    return { status, next: failed ? undefined : SCHEDULED_AFTER_MS };
  }
  const isJob = pod.spec?.restartPolicy === 'Never' || pod.spec?.restartPolicy === 'OnFailure';
  const inits = (pod.spec?.initContainers ?? []).map((container) =>
    initAt(container, fateOf(container.image), age, created),
  );
  const held = inits.some((init) => !init.done);
  const mains = (pod.spec?.containers ?? []).map((container) =>
    held
      ? notStarted(container)
      : containerAt(container, fateOf(container.image), age, created, isJob ? { message: messageOf(pod) } : undefined),
  );
  const statuses = mains.map((main) => main.status);
  const ready = statuses.length > 0 && statuses.every((status) => status.ready === true);
  const ended = statuses.every((status) => status.state?.terminated !== undefined);
  const failed = statuses.some((status) => (status.state?.terminated?.exitCode ?? 0) !== 0);
  const started = statuses.some((status) => status.state?.waiting === undefined || (status.restartCount ?? 0) > 0);
  const nexts = [...inits, ...mains].flatMap((part) => part.next ?? []);
  const conditions: Condition[] = [
    { type: 'PodScheduled', status: 'True', lastTransitionTime: at(SCHEDULED_AFTER_MS) },
    { type: 'Initialized', status: held ? 'False' : 'True', lastTransitionTime: at(SCHEDULED_AFTER_MS) },
    ...['ContainersReady', 'Ready'].map((type) =>
      readiness(type, ready, ready ? readyAt(pod, created, fateOf) : at(0)),
    ),
  ];
  return {
    status: {
      phase: ended ? (failed ? 'Failed' : 'Succeeded') : started ? 'Running' : 'Pending',
      conditions,
      containerStatuses: statuses,
      initContainerStatuses: inits.map((init) => init.status),
      startTime: at(SCHEDULED_AFTER_MS),
      ...(started ? { podIP: '10.1.0.1' } : {}),
    },
    next: nexts.length === 0 ? undefined : Math.min(...nexts),
  };
}

function messageOf(pod: Pod): string | undefined {
  const message = pod.metadata.annotations?.[TERMINATION_MESSAGE_ANNOTATION];
  return message && Buffer.from(message).subarray(0, TERMINATION_MESSAGE_BYTES).toString('utf8');
}

/** What a container has written so far. */
export function logOf(pod: Pod, container: string): string {
  const status = pod.status?.containerStatuses?.find(({ name }) => name === container);
  const hasStarted = status?.state?.running ?? status?.state?.terminated ?? status?.lastState;
  return hasStarted === undefined ? '' : (pod.metadata.annotations?.[LOG_ANNOTATION] ?? '');
}

function readiness(type: string, ready: boolean, lastTransitionTime: string): Condition {
  if (ready) return { type, status: 'True', lastTransitionTime };
  return { type, status: 'False', reason: 'ContainersNotReady', lastTransitionTime };
}

function readyAt(pod: Pod, created: number, fateOf: FateOf): string {
  const isSlow = pod.spec?.containers?.some((container) => fateOf(container.image) === 'slow') ?? false;
  return stamp(created + (isSlow ? SLOW_READY_AFTER_MS : READY_AFTER_MS));
}

type Part = { status: ContainerStatus; next: number | undefined; done: boolean };

function part(container: Container, state: ContainerState, next?: number, more: Partial<ContainerStatus> = {}): Part {
  const image = container.image ?? '';
  return {
    status: { name: container.name, image, ready: false, restartCount: 0, state, ...more },
    next,
    done: false,
  };
}

function notStarted(container: Container): Part {
  return part(container, { waiting: { reason: 'PodInitializing' } });
}

/** Init containers are done at once, unless they are not to be. */
function initAt(container: Container, fate: Fate, age: number, created: number): Part {
  if (fate === 'broken') return pulling(container, age);
  if (fate === 'crash' || fate === 'fail') return crashing(container, age, created);
  if (container.restartPolicy === 'Always') {
    const sidecar = part(container, { running: { startedAt: stamp(created) } }, undefined, { ready: true });
    return { ...sidecar, done: true };
  }
  return { ...part(container, { terminated: { exitCode: 0, reason: 'Completed' } }), done: true };
}

/** `ends` says what a container leaves behind that is to end: one of a Job. */
function containerAt(
  container: Container,
  fate: Fate,
  age: number,
  created: number,
  ends: { message: string | undefined } | undefined,
): Part {
  if (fate === 'broken') return pulling(container, age);
  if (fate === 'crash' && ends === undefined) return crashing(container, age, created);
  if (age < STARTED_AFTER_MS) {
    return part(container, { waiting: { reason: 'ContainerCreating' } }, STARTED_AFTER_MS);
  }
  const running = { running: { startedAt: stamp(created + STARTED_AFTER_MS) } };
  if (ends !== undefined) {
    const endsAt = fate === 'slow' ? SLOW_READY_AFTER_MS : COMPLETED_AFTER_MS;
    if (age < endsAt) return part(container, running, endsAt, { ready: true });
    const failed = fate === 'fail' || fate === 'crash';
    const said = ends.message === undefined ? {} : { message: ends.message };
    return part(container, {
      terminated: failed ? { exitCode: 1, reason: 'Error', ...said } : { exitCode: 0, reason: 'Completed', ...said },
    });
  }
  const readyAfter = fate === 'slow' ? SLOW_READY_AFTER_MS : READY_AFTER_MS;
  if (age < readyAfter) return part(container, running, readyAfter);
  return part(container, running, undefined, { ready: true });
}

function pulling(container: Container, age: number): Part {
  const { image = '' } = container;
  if (age < PULL_REFUSED_AFTER_MS) {
    return part(container, { waiting: { reason: 'ContainerCreating' } }, PULL_REFUSED_AFTER_MS);
  }
  if (age < PULL_BACK_OFF_AFTER_MS) {
    const message = `failed to pull and unpack image "${image}": not found`;
    return part(container, { waiting: { reason: 'ErrImagePull', message } }, PULL_BACK_OFF_AFTER_MS);
  }
  const message = `Back-off pulling image "${image}": ErrImagePull: not found`;
  return part(container, { waiting: { reason: 'ImagePullBackOff', message } });
}

function crashing(container: Container, age: number, created: number): Part {
  if (age < STARTED_AFTER_MS) {
    return part(container, { waiting: { reason: 'ContainerCreating' } }, STARTED_AFTER_MS);
  }
  const since = age - STARTED_AFTER_MS;
  const crashes = Math.floor(since / CRASH_CYCLE_MS);
  const startOfCycle = STARTED_AFTER_MS + crashes * CRASH_CYCLE_MS;
  const lastState = { terminated: { exitCode: 1, reason: 'Error' } };
  if (crashes < CRASHES && age < startOfCycle + CRASH_RUN_MS) {
    const running = { running: { startedAt: stamp(created + startOfCycle) } };
    const before = crashes > 0 ? { lastState } : {};
    return part(container, running, startOfCycle + CRASH_RUN_MS, { restartCount: crashes, ...before });
  }
  const message = `back-off restarting failed container ${container.name}`;
  const waiting = { waiting: { reason: 'CrashLoopBackOff', message } };
  const restartCount = Math.min(crashes + 1, CRASHES);
  const next = restartCount < CRASHES ? startOfCycle + CRASH_CYCLE_MS : undefined;
  return part(container, waiting, next, { restartCount, lastState });
}
