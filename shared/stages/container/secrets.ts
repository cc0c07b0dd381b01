/**
 * Keeps the values of Kubernetes Secrets out of what a container stage tells. They are read only when its log or its
 * outputs are about to be told, and kept nowhere.
 */
import { type Cluster, isClusterError } from '../../ports/cluster.ts';
import type { StageContext } from '../kind.ts';
import type { ContainerParameters } from './schema.ts';

/** A shorter value would cover half of every log, and is part of many texts by chance. */
const SHORTEST_CHARACTERS = 4;
const COVER = '•••';

export type Veil = {
  /** Every value that stands in the text, replaced. */
  cover(text: string): string;
  /** Whether a value stands in the text. */
  shows(text: string): boolean;
};

/** `because` says, in a clause with the way on, which secret cannot be told from other text. */
type Veiling = { readonly veil: Veil } | { readonly because: string };

/**
 * What covers the values of the stage's secrets, or why they cannot be covered: this account may not read one, it is
 * not there, or it is too short. Throws ClusterError where the cluster does not answer.
 */
export async function veilOf(
  parameters: Pick<ContainerParameters, 'secrets'>,
  cluster: Cluster,
  context: Pick<StageContext, 'namespace' | 'signal'>,
): Promise<Veiling> {
  const values = new Set<string>();
  for (const { secret, key } of Object.values(parameters.secrets)) {
    const found = await secretValue(cluster, { name: secret, namespace: context.namespace }, key, context.signal);
    if ('because' in found) return found;
    const { value } = found;
    if (value.length < SHORTEST_CHARACTERS) {
      const least = `use one of at least ${SHORTEST_CHARACTERS} characters`;
      return {
        because: `the key ${key} of Secret ${context.namespace}/${secret} is too short to be told from other text; ${least}`,
      };
    }
    // A log goes line by line, and a key in PEM has many; base64 is how manifests and headers carry a value.
    for (const part of [value, ...value.split('\n'), Buffer.from(value).toString('base64')]) {
      const bare = part.trim();
      if (bare.length >= SHORTEST_CHARACTERS) values.add(bare);
    }
  }
  const longestFirst = [...values].sort((one, other) => other.length - one.length);
  const veil: Veil = {
    cover: (text) => longestFirst.reduce((covered, value) => covered.replaceAll(value, COVER), text),
    shows: (text) => longestFirst.some((value) => text.includes(value)),
  };
  return { veil };
}

async function secretValue(
  cluster: Cluster,
  of: { name: string; namespace: string },
  key: string,
  signal: AbortSignal,
): Promise<{ readonly value: string } | { readonly because: string }> {
  const secret = `Secret ${of.namespace}/${of.name}`;
  try {
    const live = await cluster.get({ ref: { apiVersion: 'v1', kind: 'Secret', ...of }, signal });
    const { data = {}, stringData = {} } = (live ?? {}) as {
      data?: { readonly [key: string]: string };
      stringData?: { readonly [key: string]: string };
    };
    const encoded = data[key];
    // A real API server folds stringData into data; the sandbox keeps what was written.
    const value = encoded === undefined ? stringData[key] : Buffer.from(encoded, 'base64').toString('utf8');
    return value === undefined ? { because: `${secret} has no key ${key}; put it there` } : { value };
  } catch (error) {
    if (isClusterError(error, 'forbidden')) {
      return { because: `Gennaker may not read ${secret}; let its role in the cluster get that Secret` };
    }
    throw error;
  }
}
