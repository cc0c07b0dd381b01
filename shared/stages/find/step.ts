/** Looks once for what is wanted. What is not there is a failure: later stages rely on it. */
import type { Input, Outcome } from '../../core/run.ts';
import { beyondKind, beyondNamespaces } from '../../kubernetes/allowed-namespaces.ts';
import { type Cluster, isClusterError, type LiveObject } from '../../ports/cluster.ts';
import { type StageContext, TerminalError } from '../kind.ts';
import { type FindCursor, type FindOutputs, type FindParameters, MAXIMUM_OBJECT_CHARACTERS } from './schema.ts';

type Result = Outcome<FindCursor, FindOutputs>;
const MAXIMUM_DEPTH = 8;
const HOW_IT_ENDED = {
  succeeded: 'has succeeded',
  failed: 'has failed',
  cancelled: 'was cancelled',
  any: 'has ended',
} as const;

export async function step(
  parameters: FindParameters,
  _at: { cursor: FindCursor | undefined; input: Input },
  context: StageContext,
): Promise<Result> {
  const { execution, object } = parameters;
  if (execution !== undefined) return findExecution(execution, context);
  if (object !== undefined) return findObject(object, context);
  throw new TerminalError('The stage says neither execution nor object.');
}

async function findExecution(
  { pipeline, end }: NonNullable<FindParameters['execution']>,
  { others }: StageContext,
): Promise<Result> {
  if (others === undefined) throw new TerminalError('There are no other executions here.');
  const found = await others.newest({ pipeline, ...(end === 'any' ? {} : { end }) });
  if (found?.end === undefined) {
    return notFound(`No recent execution of ${pipeline} ${HOW_IT_ENDED[end]}`);
  }
  const images = Object.entries(found.images).map(([name, { repository, tag, digest }]): [string, string] => [
    name,
    `${repository}:${tag}@${digest}`,
  ]);
  return {
    is: 'succeeded',
    outputs: {
      execution: found.id,
      end: found.end,
      images: Object.fromEntries(images),
      outputs: JSON.parse(JSON.stringify(found.outputs)),
    },
  };
}

async function findObject(
  { kind, name, 'api-version': apiVersion }: NonNullable<FindParameters['object']>,
  context: StageContext,
): Promise<Result> {
  const { namespace, target, signal } = context;
  if (target === undefined) throw new TerminalError('An object is looked for on a target; give the stage one.');
  const ref = { apiVersion, kind, name, namespace };
  try {
    const cluster = await context.cluster();
    await requireReach(cluster, ref, context);
    const found = await cluster.get({ ref, signal });
    if (found === undefined) return notFound(`There is no ${kind} ${namespace}/${name} in ${target}`);
    const { managedFields: _, ...metadata } = found.metadata;
    const object = { ...found, metadata };
    const text = JSON.stringify(object);
    if (text.length > MAXIMUM_OBJECT_CHARACTERS) {
      throw new TerminalError(
        `${kind} ${namespace}/${name} has ${text.length} characters; at most ${MAXIMUM_OBJECT_CHARACTERS} can be taken.`,
      );
    }
    return { is: 'succeeded', outputs: { images: imagesOf(found), object: JSON.parse(text) } };
  } catch (error) {
    if (!isClusterError(error)) throw error;
    const code = error.code === 'unreachable' ? 'cluster-unreachable' : 'manifest-refused';
    return { is: 'failed', reason: { code, text: error.message }, then: error.retryable ? 'sameStep' : 'giveUp' };
  }
}

/** What a team is held to when it writes, it is held to when it looks. Throws TerminalError. */
async function requireReach(
  cluster: Cluster,
  { apiVersion, kind, name, namespace }: { apiVersion: string; kind: string; name: string; namespace: string },
  { namespaces, signal }: StageContext,
): Promise<void> {
  if (namespaces === undefined) return;
  const object = { apiVersion, kind, metadata: { name, namespace } };
  const beyond = beyondNamespaces(namespaces, object) ?? (await beyondKind(cluster, object, signal));
  if (beyond !== undefined) throw new TerminalError(`It may not be looked at. ${beyond}.`);
}

/** The images of the containers, wherever in the object the pod's template stands. */
function imagesOf(object: LiveObject): { [container: string]: string } {
  const images: { [container: string]: string } = {};
  const visit = (value: unknown, depth: number): void => {
    if (typeof value !== 'object' || value === null || depth > MAXIMUM_DEPTH) return;
    for (const [field, part] of Object.entries(value)) {
      if (field === 'containers' && Array.isArray(part)) {
        for (const { name, image } of part as { name?: unknown; image?: unknown }[]) {
          if (typeof name === 'string' && typeof image === 'string') images[name] = image;
        }
      } else visit(part, depth + 1);
    }
  };
  visit(object.spec, 0);
  return images;
}

function notFound(text: string): Result {
  return { is: 'failed', reason: { code: 'not-found', text: `${text}.` }, then: 'giveUp' };
}
