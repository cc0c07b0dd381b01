/** What a deploy is given, remembers and tells. */
import { z } from 'zod';
import { objectSchema } from '../../pipeline/object-schema.ts';

const MAXIMUM_SELECTORS = 50;
/** What one deploy applies; the cursor names each object, and a cursor with more would be too large to keep. */
export const MAXIMUM_OBJECTS = 200;

const selector = z
  .strictObject({
    kind: z.string().min(1).max(100).optional().describe('The kind of the objects, such as Deployment'),
    name: z.string().min(1).max(253).optional().describe('The name of the object'),
  })
  .refine(({ kind, name }) => kind !== undefined || name !== undefined, 'must name a kind, a name or both');
export type Selector = z.output<typeof selector>;

const conditionalObject = z.strictObject({
  when: z.boolean().describe('false: the object is left out'),
  object: objectSchema.describe('The Kubernetes object'),
});

type ObjectEntry = z.output<typeof conditionalObject> | z.output<typeof objectSchema>;

/** What is known to be left out need not stand in plans. A list of nothing else stays, so that it can be told. */
function withoutLeftOut(entries: readonly ObjectEntry[]): ObjectEntry[] {
  const kept = entries.filter((entry) => entry.when !== false);
  return kept.length === 0 ? [...entries] : kept;
}

export const deployParameters = z.strictObject({
  select: z
    .array(selector)
    .min(1)
    .max(MAXIMUM_SELECTORS)
    .optional()
    .describe('Applies only the manifests that fit one of these; by default all'),
  except: z
    .array(selector)
    .max(MAXIMUM_SELECTORS)
    .default([])
    .describe('Leaves out the manifests that fit one of these'),
  manifests: z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/, {
      error: (issue) => `must be what a bake stage gave, the output "manifests" of it, not "${String(issue.input)}"`,
    })
    .optional()
    .describe(
      'The output "manifests" of a bake stage: what it rendered is applied instead of the manifests of the pipeline',
    ),
  objects: z
    .array(z.union([conditionalObject, objectSchema]))
    .min(1)
    .max(MAXIMUM_OBJECTS)
    .transform(withoutLeftOut)
    .optional()
    .describe(
      "Kubernetes objects, applied instead of the pipeline's manifests; { when, object } is left out where when is false",
    ),
});
export type DeployParameters = z.output<typeof deployParameters>;

const appliedObject = z.strictObject({
  apiVersion: z.string(),
  kind: z.string(),
  namespace: z.string().optional(),
  name: z.string(),
  uid: z.string(),
});
export type AppliedObject = z.output<typeof appliedObject>;

export const deployCursor = z.strictObject({
  version: z.literal(1),
  /** The lock's turn, once it was taken. */
  turn: z.int().optional(),
  /** What was applied so far, in the order of applying. */
  applied: z.array(appliedObject).max(MAXIMUM_OBJECTS),
  /** Epoch ms of the last change that was seen. */
  movedAt: z.int(),
  /** Tells the state that was seen last from every other. */
  seen: z.string(),
  /** How often in a row it was looked without seeing a change. */
  looks: z.int(),
  /** How often in a row the cluster could not be reached. */
  unreachable: z.int(),
  /** How often in a row another held the lock. */
  lockedOut: z.int(),
});
export type DeployCursor = z.output<typeof deployCursor>;

export const deployOutputs = z.strictObject({
  images: z.record(z.string(), z.string()).describe('The images that run now, pinned, by their names in the pipeline'),
  objects: z
    .array(
      appliedObject.extend({
        revision: z.string().optional().describe('The revision of a workload that was rolled out'),
      }),
    )
    .describe('The objects that were applied'),
});
export type DeployOutputs = z.output<typeof deployOutputs>;
