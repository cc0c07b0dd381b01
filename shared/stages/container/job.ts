/** The Kubernetes Job of one attempt of a container stage: a name that can be told again, and what it runs. */
import { createHash } from 'node:crypto';
import type { Fence } from '../../kubernetes/conditional-write.ts';
import { substituteImages } from '../../kubernetes/images.ts';
import { lockKey } from '../../kubernetes/service-lock.ts';
import { checkedDurationMs } from '../../pipeline/duration.ts';
import type { Manifest, ObjectReference } from '../../ports/cluster.ts';
import type { StageContext } from '../kind.ts';
import { OUTPUTS_PATH } from './outputs.ts';
import type { ContainerParameters } from './schema.ts';

/** The name of the container; others in its pod, such as a mesh's, are not ours. */
export const CONTAINER = 'main';
/** Tells the pods of one Job. */
export const JOB_LABEL = 'gennaker.dev/job';
const STAGE_ANNOTATION = 'gennaker.dev/stage';
/** Who starts a Job that was created suspended: everything else of it stays with who created it. */
export const START_MANAGER = 'gennaker-start';

/** A Job that has ended is kept this long, so that neither a lost worker nor an outage of ours misses its end. */
const KEPT_SECONDS = 24 * 60 * 60;
/** Names of pods and the labels that Kubernetes makes of a Job's name allow no more. */
const MAXIMUM_NAME = 63;
const HASH_CHARACTERS = 10;

type Attempt = Pick<StageContext, 'execution' | 'pipeline' | 'stage' | 'attempt' | 'namespace'>;

/** The Job of this attempt. Each step of the attempt finds the same. */
export function jobReference({ execution, pipeline, stage, attempt, namespace }: Attempt): Required<ObjectReference> {
  const digest = createHash('sha256').update(`${execution}/${stage}/${attempt}`).digest('hex');
  const words = `${pipeline}-${stage}`.toLowerCase().replaceAll(/[^a-z0-9-]+/g, '-');
  const head = words.slice(0, MAXIMUM_NAME - HASH_CHARACTERS - 1).replace(/-+$/, '');
  const name = `${head}-${digest.slice(0, HASH_CHARACTERS)}`;
  return { apiVersion: 'batch/v1', kind: 'Job', name, namespace };
}

/** No two attempts share a Job, so the lock of the service is not needed: the fence orders the steps of this one. */
export function jobFence(context: StageContext): Fence {
  const { target = '', namespace, pipeline, execution, stage, attempt, step } = context;
  return { lock: `${lockKey({ target, namespace, pipeline })}/${execution}/${stage}`, turn: 1, attempt, step };
}

/**
 * The Job, suspended. A creation cannot be made conditional, so one that a lost worker still sends may land at any
 * time; a suspended Job runs nothing. What starts it is conditional on its uid.
 */
export function jobManifest(parameters: ContainerParameters, context: StageContext): Manifest {
  const ref = jobReference(context);
  const { name, namespace } = ref;
  const { command, args, resources } = parameters;
  const account = parameters['service-account'];
  const timeout = parameters['run-timeout'];
  const container = {
    name: CONTAINER,
    image: parameters.image,
    ...(command === undefined ? {} : { command }),
    ...(args === undefined ? {} : { args }),
    env: environment(parameters, context),
    ...(resources === undefined ? {} : { resources }),
    terminationMessagePath: OUTPUTS_PATH,
    // The end of a log is not what the container said as its outputs.
    terminationMessagePolicy: 'File',
  };
  const spec = {
    restartPolicy: 'Never',
    enableServiceLinks: false,
    automountServiceAccountToken: account !== undefined,
    ...(account === undefined ? {} : { serviceAccountName: account }),
    containers: [container],
  };
  const labels = { ...parameters.labels, 'app.kubernetes.io/managed-by': 'gennaker', [JOB_LABEL]: name };
  const job = {
    apiVersion: ref.apiVersion,
    kind: ref.kind,
    metadata: { name, namespace, annotations: { [STAGE_ANNOTATION]: context.stage } },
    spec: {
      suspend: true,
      // A retry is the stage's own.
      backoffLimit: 0,
      completions: 1,
      parallelism: 1,
      ttlSecondsAfterFinished: KEPT_SECONDS,
      ...(timeout === undefined ? {} : { activeDeadlineSeconds: Math.ceil(checkedDurationMs(timeout) / 1000) }),
      template: { metadata: { labels, annotations: parameters.annotations }, spec },
    },
  };
  return substituteImages({ manifests: [job], images: context.images }).manifests[0] ?? job;
}

/** What starts the Job. */
export function startOf(context: StageContext): Manifest {
  const { apiVersion, kind, name, namespace } = jobReference(context);
  return { apiVersion, kind, metadata: { name, namespace }, spec: { suspend: false } };
}

function environment({ env, secrets }: ContainerParameters, context: StageContext): unknown[] {
  const { execution, pipeline, stage, attempt } = context;
  const given = {
    ...env,
    GENNAKER_EXECUTION: execution,
    GENNAKER_PIPELINE: pipeline,
    GENNAKER_STAGE: stage,
    GENNAKER_ATTEMPT: attempt,
    GENNAKER_KEY: `${execution}/${stage}/${attempt}`,
    GENNAKER_OUTPUTS: OUTPUTS_PATH,
  };
  return [
    ...Object.entries(given).map(([name, value]) => ({ name, value: String(value) })),
    ...Object.entries(secrets).map(([name, { secret, key }]) => ({
      name,
      valueFrom: { secretKeyRef: { name: secret, key } },
    })),
  ];
}
