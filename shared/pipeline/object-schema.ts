/** The little that every Kubernetes object must have, apart from the parser, so that stages can ask for it and start fast. */
import { z } from 'zod';
import type { Manifest } from '../ports/cluster.ts';

const NAME = z.string({ error: 'must be text' }).min(1, 'must not be empty');
const LABELS = z.record(z.string(), z.string({ error: 'must be text; write it in quotes' }));

/** An object as an author gives it. The API server knows the rest. */
export const objectSchema = z.looseObject(
  {
    apiVersion: NAME,
    kind: NAME,
    metadata: z.looseObject(
      { name: NAME, namespace: NAME.optional(), labels: LABELS.optional(), annotations: LABELS.optional() },
      { error: (issue) => (issue.code === 'invalid_type' ? 'must be a map with a name' : undefined) },
    ),
  },
  { error: (issue) => (issue.code === 'invalid_type' ? 'must be a map: a Kubernetes object' : undefined) },
);

/** Optional fields that are absent, not undefined, as a manifest's type says. */
export function withoutAbsent(object: z.output<typeof objectSchema>): Manifest {
  const { name, namespace, labels, annotations, ...rest } = object.metadata;
  return {
    ...object,
    metadata: {
      ...rest,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
    },
  };
}
