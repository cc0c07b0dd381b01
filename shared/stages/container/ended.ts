/** Tells how a Job's container ended: its exit code, its outputs, and the end of its log where it failed. */
import type { ReasonCode } from '../../core/reason.ts';
import { conditionOf, controllerUid, type Pod } from '../../kubernetes/objects.ts';
import { type Cluster, describeObject, isClusterError, type LiveObject, referenceOf } from '../../ports/cluster.ts';
import type { StageContext } from '../kind.ts';
import { CONTAINER, JOB_LABEL } from './job.ts';
import { readOutputs } from './outputs.ts';
import type { ContainerOutputs, ContainerParameters } from './schema.ts';
import { type Veil, veilOf } from './secrets.ts';

/** The lines of its log that a failure is told with, and how much of each. */
const TOLD_LINES = 5;
const TOLD_CHARACTERS = 200;

export type Ended =
  | { readonly is: 'succeeded'; readonly outputs: ContainerOutputs }
  | {
      readonly is: 'failed';
      readonly code: ReasonCode;
      readonly text: string;
      readonly then: 'giveUp' | 'newAttempt';
    };

type Question = { cluster: Cluster; job: LiveObject; parameters: ContainerParameters; context: StageContext };

/** The end of a Job that is complete. Throws ClusterError. */
export async function completed(question: Question): Promise<Ended> {
  const { cluster, job, parameters, context } = question;
  const name = describeObject(referenceOf(job));
  const pod = await podOf(question);
  const terminated = terminationOf(pod);
  const message = terminated?.message ?? '';
  const hasOutputs = Object.keys(parameters.outputs).length > 0;
  if (hasOutputs && pod === undefined) {
    return unusable(`${name} has completed, but its pod is gone, and its outputs with it`);
  }
  const read = readOutputs(parameters.outputs, message);
  if ('wrong' in read) return unusable(`${name} has completed, but its container ${read.wrong}`);
  if (hasOutputs && Object.keys(parameters.secrets).length > 0) {
    const veiling = await veilOf(parameters, cluster, context);
    if ('because' in veiling) {
      return unusable(
        `${name} has completed, but its outputs are not taken, because it cannot be seen whether they hold a secret: ${veiling.because}, or declare no outputs`,
      );
    }
    const { veil } = veiling;
    const shown = Object.entries(read.outputs).find(([, value]) => textsIn(value).some((text) => veil.shows(text)));
    if (shown !== undefined) {
      return unusable(
        `${name} has completed, but its output ${shown[0]} holds the value of a secret, which nobody may see`,
      );
    }
  }
  return { is: 'succeeded', outputs: { ...read.outputs, exitCode: terminated?.exitCode ?? 0 } };
}

/** The end of a Job that has failed, as its pod tells it. Throws ClusterError. */
export async function failedJob(question: Question): Promise<Ended & { is: 'failed' }> {
  const { job, parameters } = question;
  const name = describeObject(referenceOf(job));
  const { reason, message } = conditionOf(job, 'Failed') ?? {};
  if (reason === 'DeadlineExceeded') {
    const limit = parameters['run-timeout'] ?? 'its deadline';
    const text = `${name} ran longer than ${limit} and was ended by the cluster`;
    return { is: 'failed', code: 'stage-timed-out', text, then: 'newAttempt' };
  }
  const pod = await podOf(question);
  const terminated = terminationOf(pod);
  if (pod === undefined || terminated === undefined) {
    const why = [pod?.status?.reason ?? reason, pod?.status?.message ?? message].filter(Boolean).join(': ');
    return { is: 'failed', code: 'rollout-failed', text: `${name} failed: ${why}`, then: 'newAttempt' };
  }
  const cause = terminated.reason === undefined || terminated.reason === 'Error' ? '' : ` (${terminated.reason})`;
  const text = `The container of ${name} ended with exit code ${terminated.exitCode}${cause}; ${await logOf(question, pod)}`;
  return { is: 'failed', code: 'rollout-failed', text, then: 'newAttempt' };
}

/** The work is done, so doing it again would only do it twice. */
function unusable(text: string): Ended {
  return { is: 'failed', code: 'stage-failed', text, then: 'giveUp' };
}

/** The pod that ran last. */
async function podOf({ cluster, job, context }: Question): Promise<Pod | undefined> {
  const { name, namespace = context.namespace, uid } = job.metadata;
  const labelSelector = `${JOB_LABEL}=${name}`;
  const { signal } = context;
  const { items } = await cluster.list({ apiVersion: 'v1', kind: 'Pod', namespace, labelSelector, signal });
  const own = items.filter((pod) => controllerUid(pod) === uid) as Pod[];
  const age = (pod: Pod): number => Date.parse(pod.metadata.creationTimestamp);
  return own.sort((one, other) => age(one) - age(other)).at(-1);
}

function terminationOf(pod: Pod | undefined) {
  return pod?.status?.containerStatuses?.find(({ name }) => name === CONTAINER)?.state?.terminated;
}

/** A clause about the end of the container's log. What cannot be had is said; it is no reason to fail anew. */
async function logOf(question: Question, pod: Pod): Promise<string> {
  const { cluster, parameters, context } = question;
  const { name, namespace = context.namespace } = pod.metadata;
  const command = `kubectl logs --namespace ${namespace} ${name}`;
  try {
    const veiling = await veilOf(parameters, cluster, context);
    if ('because' in veiling) return `its log may hold its secrets and is not shown here: ${command}`;
    const { signal } = context;
    const lines = await cluster.logs({ pod: { name, namespace }, container: CONTAINER, lines: TOLD_LINES, signal });
    if (lines === undefined) return 'its log is gone';
    if (lines.length === 0) return 'its log is empty';
    return `its log ends with: ${lines.map((line) => toldLine(line, veiling.veil)).join(' ⏎ ')}`;
  } catch (error) {
    if (!isClusterError(error)) throw error;
    return `its log could not be read: ${command}`;
  }
}

function toldLine(line: string, veil: Veil): string {
  // Covered before it is cut: half a secret is still one.
  const covered = veil.cover(stripControls(line)).trim();
  return covered.length <= TOLD_CHARACTERS ? covered : `${covered.slice(0, TOLD_CHARACTERS).toWellFormed()}…`;
}

/** Without colours and other controls, which a terminal or a chat would act on. */
function stripControls(line: string): string {
  return line.replaceAll(/\p{Cc}\[[0-9;?]*[A-Za-z]|\p{Cc}/gu, '');
}

/** Every text in the value, the names of its fields too, as it was before JSON escaped it. */
function textsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [String(value)];
  return Object.entries(value).flatMap(([name, inner]) => [name, ...textsIn(inner)]);
}
