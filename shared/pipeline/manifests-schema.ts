/** What a pipeline, or a bake stage, may write to say where its Kubernetes objects come from. */
import { z } from 'zod';
import { hasExpression } from './expressions/text.ts';

const MAXIMUM_FILE_PATTERNS = 100;
const MAXIMUM_VALUES_FILES = 20;
const MAXIMUM_API_VERSIONS = 100;
const MAXIMUM_TEXT = 1000;
const MAXIMUM_RELEASE = 53;
const MAXIMUM_SET_BYTES = 64 * 1024;

/** Why a path cannot be one of a file or folder beside or below the pipeline file, or undefined where it can. */
function pathProblem(path: string): string | undefined {
  if (path.includes('://') || /^(git@|oci:|github\.com\/)/.test(path)) {
    return `must be a path beside or below the pipeline file, not the address "${path}": download it and commit it`;
  }
  if (path.startsWith('/') || path.includes('\\') || path.split('/').includes('..')) {
    return `"${path}" leads out of the pipeline's folder; only what lies beside or below the pipeline file is taken`;
  }
  return [...path].some((character) => character < ' ') ? 'must not have control characters' : undefined;
}

type Options = { readonly withExpressions: boolean };

/** Text of which `problem` finds nothing wrong; what an expression gives is looked at when it is known. */
function text(problem: (value: string) => string | undefined, { withExpressions }: Options): z.ZodString {
  return z
    .string()
    .max(MAXIMUM_TEXT)
    .check((context) => {
      const message = withExpressions && hasExpression(context.value) ? undefined : problem(context.value);
      if (message === undefined) return;
      context.issues.push({ code: 'custom', input: context.value, continue: true, message });
    });
}

/** A path that stays in the pipeline file's folder. */
function innerPath(options: Options): z.ZodString {
  return text(pathProblem, options).min(1, 'must not be empty');
}

function releaseProblem(name: string): string | undefined {
  const fits = name.length <= MAXIMUM_RELEASE && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name);
  const words = `at most ${MAXIMUM_RELEASE} lower-case letters, digits and "-"`;
  return fits ? undefined : `must be the name of a release: ${words}, not "${name}"`;
}

function kubeVersionProblem(version: string): string | undefined {
  return /^v?\d+\.\d+(\.\d+)?$/.test(version)
    ? undefined
    : `must be a version of Kubernetes, as in "1.34", not "${version}"`;
}

function apiVersionProblem(version: string): string | undefined {
  return /^[A-Za-z0-9][A-Za-z0-9./-]*$/.test(version)
    ? undefined
    : `must be an API version, as in monitoring.coreos.com/v1, not "${version}"`;
}

function helmSchema(options: Options) {
  return z
    .strictObject({
      chart: innerPath(options).describe('The folder of Chart.yaml, relative to the pipeline file'),
      values: z
        .array(innerPath(options))
        .max(MAXIMUM_VALUES_FILES)
        .default([])
        .describe('Files of values, relative to the pipeline file; a later one wins over an earlier one'),
      set: z
        .record(z.string().max(MAXIMUM_TEXT), z.json())
        .check((context) => {
          const bytes = Buffer.byteLength(JSON.stringify(context.value));
          if (bytes <= MAXIMUM_SET_BYTES) return;
          const message = `has ${bytes} bytes as JSON; at most ${MAXIMUM_SET_BYTES} are taken`;
          context.issues.push({ code: 'custom', input: context.value, continue: true, message });
        })
        .default({})
        .describe('Values of any shape, which win over the files'),
      release: text(releaseProblem, options)
        .optional()
        .describe("The name of the release, for the chart's templates; by default the pipeline's name"),
      'kube-version': text(kubeVersionProblem, options)
        .optional()
        .describe("The version of Kubernetes that the chart is told; by default helm's own"),
      'api-versions': z
        .array(text(apiVersionProblem, options))
        .max(MAXIMUM_API_VERSIONS)
        .default([])
        .describe('API versions that the chart is told there are, beside those of Kubernetes itself'),
      hooks: z
        .enum(['refuse', 'leave-out'])
        .default('refuse')
        .describe(
          'What to do with hooks of installs and upgrades, which are not run: refuse the chart, or leave them out. Other hooks are always left out',
        ),
    })
    .describe('A Helm chart, rendered by the real helm');
}

const FORMS = ['files', 'kustomize', 'helm'] as const;

function sourceSchema(options: Options) {
  return z
    .strictObject({
      files: z
        .array(z.string().min(1).max(MAXIMUM_TEXT))
        .min(1)
        .max(MAXIMUM_FILE_PATTERNS)
        .optional()
        .describe('Paths or globs of YAML and JSON files, relative to the pipeline file'),
      kustomize: innerPath(options)
        .optional()
        .describe('The folder of kustomization.yaml, relative to the pipeline file, rendered by the real kustomize'),
      helm: helmSchema(options).optional(),
    })
    .check((context) => {
      const given = FORMS.filter((form) => context.value[form] !== undefined);
      if (given.length === 1) return;
      const message = `takes exactly one of files, kustomize and helm, not ${given.length === 0 ? 'none' : given.join(' and ')}`;
      context.issues.push({ code: 'custom', input: context.value, continue: true, message });
    })
    .meta({ oneOf: FORMS.map((form) => ({ required: [form] })) })
    .describe('The Kubernetes objects that the pipeline delivers');
}

/** Exactly one of `files`, `kustomize` and `helm`, in the words of the file: text may hold expressions. Its output is valid input again. */
export const manifestsSchema = sourceSchema({ withExpressions: true });

/** The same once its expressions are resolved. What they gave is held to every rule. */
export const resolvedManifestsSchema = sourceSchema({ withExpressions: false });

export type ManifestsSource = z.output<typeof resolvedManifestsSchema>;
