/** Finds in pods what no patience mends, and says it in a sentence that names the pod, the container and the cause. */
import type { ReasonCode } from '../core/reason.ts';
import { type ContainerStatus, conditionOf, type Pod } from './objects.ts';

/** An autoscaler of nodes needs about this long to say that it will not help. */
export const UNSCHEDULABLE_GRACE_MS = 30_000;
/** A ConfigMap or Secret that a container needs may be created a little later than its pod. */
export const CONTAINER_CONFIG_GRACE_MS = 10_000;
/** One crash may be a dependency that starts at the same time; a second one is a loop. */
export const CRASHES = 2;
const MAXIMUM_CAUSE_CHARACTERS = 300;

/** `suspected` becomes `failed` at `until` (epoch ms) unless it goes away. */
export type PodFailure =
  | { readonly is: 'failed'; readonly code: ReasonCode; readonly text: string; readonly until?: undefined }
  | { readonly is: 'suspected'; readonly code: ReasonCode; readonly text: string; readonly until: number };

/** The first failed pod's failure or, without any, the suspicion that is confirmed first. */
export function failingPod(pods: readonly Pod[], now: number): PodFailure | undefined {
  let suspected: PodFailure | undefined;
  for (const pod of pods) {
    const failure = failureOf(pod, now);
    if (failure?.is === 'failed') return failure;
    if (failure !== undefined && failure.until < (suspected?.until ?? Number.POSITIVE_INFINITY)) suspected = failure;
  }
  return suspected;
}

function failureOf(pod: Pod, now: number): PodFailure | undefined {
  // A pod that ends, or has ended, is replaced by its controller.
  if (pod.metadata.deletionTimestamp !== undefined) return undefined;
  if (pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded') return undefined;
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  let suspected: PodFailure | undefined;
  for (const [containers, what] of [
    [initContainerStatuses, 'init container'],
    [containerStatuses, 'container'],
  ] as const) {
    for (const container of containers) {
      const failure = containerFailure(pod, container, what, now);
      if (failure?.is === 'failed') return failure;
      suspected ??= failure;
    }
  }
  return suspected ?? unschedulable(pod, now);
}

/** The kubelet could not get the image and says so; a back-off only follows a pull that failed. */
const NOT_PULLED = new Set(['ImagePullBackOff', 'InvalidImageName', 'ErrImageNeverPull', 'ImageInspectError']);
/** Causes of a failed pull that another try does not mend. */
const PERMANENT_PULL_CAUSE = /not found|manifest unknown|denied|unauthorized|forbidden|no such|invalid reference/i;
const NOT_CREATED = new Set(['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError']);

function containerFailure(pod: Pod, container: ContainerStatus, what: string, now: number): PodFailure | undefined {
  const { waiting } = container.state ?? {};
  const { reason = '', message } = waiting ?? {};
  const who = `Pod ${pod.metadata.name}`;
  if (NOT_PULLED.has(reason) || (reason === 'ErrImagePull' && PERMANENT_PULL_CAUSE.test(message ?? ''))) {
    const image = imageOf(pod, container);
    const text = shortDigests(
      `${who} cannot pull the image ${image} of its ${what} ${container.name}: ${cause(message, reason)}`,
    );
    return { is: 'failed', code: 'image-not-pullable', text };
  }
  const restarts = container.restartCount ?? 0;
  if (reason === 'CrashLoopBackOff' || (restarts >= CRASHES && container.ready !== true && !hasEndedWell(container))) {
    const times = restarts === 1 ? 'once' : `${restarts} times`;
    const text = `${who}: its ${what} ${container.name} has crashed ${times}, last with ${lastExit(container)}`;
    return { is: 'failed', code: 'crash-loop', text };
  }
  if (NOT_CREATED.has(reason)) {
    const text = `${who} cannot create its ${what} ${container.name}: ${cause(message, reason)}`;
    return after(pod.status?.startTime, CONTAINER_CONFIG_GRACE_MS, now, 'rollout-failed', text);
  }
  return undefined;
}

function unschedulable(pod: Pod, now: number): PodFailure | undefined {
  const scheduled = conditionOf(pod, 'PodScheduled');
  if (scheduled?.status !== 'False' || scheduled.reason !== 'Unschedulable') return undefined;
  const text = `Pod ${pod.metadata.name} fits on no node: ${cause(scheduled.message, 'no reason was given')}`;
  return after(scheduled.lastTransitionTime, UNSCHEDULABLE_GRACE_MS, now, 'unschedulable', text);
}

/** Failed once it has been so for the grace; without a time it is so from now on. */
function after(since: string | undefined, graceMs: number, now: number, code: ReasonCode, text: string): PodFailure {
  const until = (since === undefined ? now : Date.parse(since)) + graceMs;
  return now >= until ? { is: 'failed', code, text } : { is: 'suspected', code, text, until };
}

/** An init container that is through, after however many tries. */
function hasEndedWell(container: ContainerStatus): boolean {
  return container.state?.terminated?.exitCode === 0;
}

function lastExit(container: ContainerStatus): string {
  const ended = container.lastState?.terminated ?? container.state?.terminated;
  if (ended === undefined) return 'an unknown exit code';
  const { exitCode, reason, message } = ended;
  const why = [reason === 'Error' ? undefined : reason, message].filter(Boolean).join(': ');
  return `exit code ${exitCode}${why === '' ? '' : ` (${shorten(why)})`}`;
}

/** As the author wrote it: a status may name what the runtime made of it. */
/** For people: the first eight digits of a digest tell it from others. */
function shortDigests(text: string): string {
  return text.replace(/sha256:([0-9a-f]{8})[0-9a-f]{56}/g, 'sha256:$1…');
}

function imageOf(pod: Pod, container: ContainerStatus): string {
  const declared = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  return declared.find((one) => one.name === container.name)?.image ?? container.image ?? '';
}

function cause(message: string | undefined, reason: string): string {
  return message === undefined || message === '' ? reason : shorten(message);
}

function shorten(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, ' ');
  return line.length <= MAXIMUM_CAUSE_CHARACTERS ? line : `${line.slice(0, MAXIMUM_CAUSE_CHARACTERS)}…`;
}
