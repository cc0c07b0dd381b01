/**
 * What a schema alone cannot see: names that must exist, cycles, what a stage's kind asks for. Works on the file as it
 * was written, faults included, so that everything wrong is told at once.
 */
import type { StageKind } from '../stages/kind.ts';
import { checkedDurationMs, durationMs, formatDuration, MAXIMUM_DURATION } from './duration.ts';
import { hasExpression } from './expressions/text.ts';
import { givenProblems, inputsSchema } from './inputs.ts';
import { type Finding, findings } from './issues.ts';
import { didYouMean } from './nearest.ts';
import type { Path } from './problem.ts';
import { cycleFindings, insertedStages, needsOf, type RawStage, rawStagesOf } from './raw-stages.ts';
import { MAXIMUM_PLAN_STAGES, MAXIMUM_STAGES } from './schema.ts';
import { scopeFindings, templateOf } from './scope-checks.ts';
import { MAXIMUM_TEMPLATE_DEPTH, nameOfTemplate, type Template, templateUse } from './template.ts';
import { lockFindings, protectedFindings, publishedFindings, templateFindings } from './template-checks.ts';
import type { Usable } from './usable.ts';
import { isRecord, type YamlDocument } from './yaml-file.ts';

export const DEFAULT_STAGE_TIMEOUT = '1h';
export const DEFAULT_EXECUTION_TIMEOUT = '24h';
/** Of one stage: nobody reads more. */
const MAXIMUM_UNKNOWN_NEEDS = 100;
/** The room that a stage's default timeout leaves beyond what its parameters ask for. */
const TIMEOUT_ROOM_MS = checkedDurationMs('5m');

/** Everything that is wrong with the document, a pipeline or a template, beyond its shape. */
export function checkDocument(document: YamlDocument, usable: Usable): Finding[] {
  const root = document.value;
  if (!isRecord(root)) return [];
  const rawStages = isRecord(root.stages) ? root.stages : {};
  const ids = Object.keys(rawStages);
  if (ids.length > MAXIMUM_STAGES) {
    // To look through all of them would only cost time.
    const sentence = `has ${ids.length} stages; at most ${MAXIMUM_STAGES} are allowed`;
    return [{ path: ['stages'], at: 'key', sentence }];
  }
  const stages = rawStagesOf(rawStages, ['stages']);
  const isTemplate = typeof root.template === 'string';
  const found = [...triggerFindings(root), ...inputFindings(root)];
  for (const stage of stages) {
    found.push(...needsFindings(stage, ids));
    found.push(...stageFindings(stage, { root, document, usable, hasTarget: isTemplate }));
  }
  const inPlan = stages.reduce((sum, { raw }) => sum + (Array.isArray(raw.targets) ? raw.targets.length : 1), 0);
  if (inPlan > MAXIMUM_PLAN_STAGES) {
    const sentence = `come to ${inPlan} with one for each target; at most ${MAXIMUM_PLAN_STAGES} are allowed`;
    found.push({ path: ['stages'], at: 'key', sentence });
  }
  found.push(
    ...cycleFindings(stages),
    ...lockFindings(stages, usable.templates),
    ...protectedFindings(root, stages, usable),
  );
  if (isTemplate) found.push(...publishedFindings(root, stages, usable));
  found.push(...scopeFindings(document, stages, usable));
  return found;
}

/** Where a stage stands. */
type Place = {
  readonly root: { readonly [key: string]: unknown };
  readonly document: YamlDocument;
  readonly usable: Usable;
  /** Whether what is around the stage gives it a target. */
  readonly hasTarget: boolean;
};

function stageFindings(stage: RawStage, place: Place): Finding[] {
  const { uses, target, targets } = stage.raw;
  const hasTarget = place.hasTarget || target !== undefined || targets !== undefined;
  const isItself = typeof uses === 'string' && templateUse(uses)?.name === place.root.template;
  const own = [
    ...targetFindings(stage),
    ...kindFindings(stage, { ...place, hasTarget }),
    ...(isItself ? [] : templateFindings(stage, place.document, place.usable)),
    ...askedFindings(stage, { ...place, hasTarget }),
  ];
  if (typeof uses !== 'string' || templateUse(uses) === undefined) return own;
  const inserted = insertedStages(stage).flatMap(({ stages }) => stages);
  return [...own, ...inserted.flatMap((each) => stageFindings(each, { ...place, hasTarget }))];
}

/** What the stages of a template ask of the pipeline that uses it. */
function askedFindings(stage: RawStage, { root, usable, hasTarget }: Place): Finding[] {
  const template = templateOf(stage.raw.uses, usable);
  if (template === undefined || typeof root.template === 'string') return [];
  const asked = askedBy(template, usable);
  const name = nameOfTemplate(template);
  const found: Finding[] = [];
  if (asked.target && !hasTarget) {
    found.push({ path: stage.path, at: 'key', sentence: `uses ${name}, which needs a target or targets` });
  }
  if (asked.manifests && root.manifests === undefined) {
    found.push({ path: stage.path, at: 'key', sentence: `uses ${name}, ${NO_MANIFESTS}` });
  }
  return found;
}

type Asked = { readonly target: boolean; readonly manifests: boolean };
const NOTHING_ASKED: Asked = { target: false, manifests: false };

function askedBy(template: Template, usable: Usable, depth = 0): Asked {
  if (depth > MAXIMUM_TEMPLATE_DEPTH) return NOTHING_ASKED;
  const each = Object.values(template.stages).map((stage): Asked => {
    const kind = usable.kinds.get(stage.uses);
    const inner = templateOf(stage.uses, usable);
    const asked =
      kind === undefined
        ? inner === undefined
          ? NOTHING_ASKED
          : askedBy(inner, usable, depth + 1)
        : { target: kind.target === 'required', manifests: needsManifests(kind, stage.with) };
    const hasTarget = stage.target !== undefined || stage.targets !== undefined;
    return { target: asked.target && !hasTarget, manifests: asked.manifests };
  });
  return { target: each.some(({ target }) => target), manifests: each.some(({ manifests }) => manifests) };
}

const NO_MANIFESTS = 'but the pipeline has no manifests; name them as in manifests: { files: ["k8s/*.yaml"] }';

/** An input that somebody must give, in a pipeline that also starts with nobody there to ask. */
function inputFindings(root: { readonly [key: string]: unknown }): Finding[] {
  const triggers: readonly unknown[] = Array.isArray(root.on) ? root.on : [];
  if (typeof root.template === 'string') return [];
  return Object.entries(isRecord(root.inputs) ? root.inputs : {}).flatMap(([name, input]): Finding[] => {
    if (!isRecord(input) || input.required !== true) return [];
    const gives = (trigger: unknown): boolean =>
      isRecord(trigger) && isRecord(trigger.with) && Object.hasOwn(trigger.with, name);
    const lacking = triggers.findIndex((trigger) => !gives(trigger));
    if (lacking < 0) return [];
    const sentence = `is asked for in vain when on[${lacking}] starts the pipeline; give the input a default, or a value under that trigger's "with"`;
    return [{ path: ['inputs', name, 'required'], at: 'key', sentence }];
  });
}

/**
 * How long a stage may take where its author does not say: the language's default, or longer where its parameters
 * alone ask for more.
 */
export function defaultStageTimeout(kind: StageKind, parameters: unknown): string {
  const ownMs = Math.max(kind.shortestMs?.(parameters) ?? 0, kind.longestMs?.(parameters) ?? 0);
  const neededMs = ownMs + TIMEOUT_ROOM_MS;
  const boundedMs = Math.min(neededMs, checkedDurationMs(MAXIMUM_DURATION));
  return formatDuration(Math.max(boundedMs, checkedDurationMs(DEFAULT_STAGE_TIMEOUT)));
}

function triggerFindings(root: { readonly [key: string]: unknown }): Finding[] {
  // A template's triggers name images of the pipelines that use it.
  const triggers = Array.isArray(root.on) && typeof root.template !== 'string' ? root.on : [];
  const images = isRecord(root.images) ? Object.keys(root.images) : [];
  return triggers.flatMap((trigger: unknown, index): Finding[] => {
    if (!isRecord(trigger)) return [];
    const path = ['on', index];
    return [
      ...imagesOfTrigger(trigger).flatMap(missing(images, path)),
      ...givenInputFindings(trigger.with, root, path),
    ];
  });
}

/** Where a trigger names an image of the pipeline. */
function imagesOfTrigger(trigger: { readonly [key: string]: unknown }): { name: unknown; at: Path }[] {
  const carried = ['pubsub', 'webhook'].flatMap((key) => {
    const image = isRecord(trigger[key]) ? trigger[key].image : undefined;
    return isRecord(image) ? [{ name: image.name, at: [key, 'image', 'name'] }] : [{ name: image, at: [key, 'image'] }];
  });
  return [{ name: trigger.push, at: ['push'] }, ...carried];
}

function missing(images: readonly string[], path: Path): (found: { name: unknown; at: Path }) => Finding[] {
  return ({ name, at }) => {
    if (typeof name !== 'string' || hasExpression(name) || images.includes(name)) return [];
    const sentence = `"${name}": no such image under images${didYouMean(name, images)}`;
    return [{ path: [...path, ...at], at: 'value', sentence }];
  };
}

/** What a trigger gives must be what the pipeline asks for; expressions are checked by their types. */
function givenInputFindings(given: unknown, root: { readonly [key: string]: unknown }, path: Path): Finding[] {
  const declared = inputsSchema.safeParse(root.inputs ?? {});
  // A template's triggers give values for the inputs of pipelines that it does not know.
  if (!isRecord(given) || !declared.success || typeof root.template === 'string') return [];
  return givenProblems(given, declared.data, [...path, 'with'], hasExpression).map(({ path: at, text }) => ({
    path: at,
    at: isRecord(given) && at.length === path.length + 2 && !Object.hasOwn(given, String(at.at(-1))) ? 'key' : 'value',
    sentence: text,
  }));
}

function needsFindings(stage: RawStage, ids: readonly string[]): Finding[] {
  const seen = new Set<string>();
  const known = new Set(ids);
  let unknown = 0;
  return needsOf(stage).flatMap(({ id, path }): Finding[] => {
    if (seen.has(id)) return [{ path, at: 'value', sentence: `needs "${id}" twice`, alone: true }];
    seen.add(id);
    if (known.has(id) || unknown >= MAXIMUM_UNKNOWN_NEEDS) return [];
    unknown += 1;
    const others = ids.filter((other) => other !== stage.id);
    return [{ path, at: 'value', sentence: `needs "${id}": no such stage${didYouMean(id, others)}`, alone: true }];
  });
}

function targetFindings(stage: RawStage): Finding[] {
  const { target, targets } = stage.raw;
  const found: Finding[] = [];
  if (target !== undefined && targets !== undefined) {
    const path = [...stage.path, 'targets'];
    found.push({ path, at: 'key', sentence: 'stands beside target; give one of the two' });
  }
  const seen = new Set<unknown>();
  for (const [index, name] of Array.isArray(targets) ? targets.entries() : []) {
    const path = [...stage.path, 'targets', index];
    if (seen.has(name)) found.push({ path, at: 'value', sentence: `names the target "${String(name)}" twice` });
    seen.add(name);
  }
  return found;
}

function kindFindings(stage: RawStage, { root, document, usable: { kinds, templates }, hasTarget }: Place): Finding[] {
  const { uses, target, targets } = stage.raw;
  if (typeof uses !== 'string' || uses === '' || templateUse(uses) !== undefined) return [];
  const kind = kinds.get(uses);
  if (kind === undefined) {
    const known = [...kinds.keys(), ...templates.names()];
    const versions = templates.names().includes(uses) ? `; a template is used with a version: ${uses}@1` : '';
    const hint = versions || didYouMean(uses, known) || `; the kinds are ${[...kinds.keys()].join(', ')}`;
    return [{ path: [...stage.path, 'uses'], at: 'value', sentence: `"${uses}": no such stage kind${hint}` }];
  }
  const found: Finding[] = [];
  for (const field of ['insert', 'override']) {
    if (stage.raw[field] === undefined) continue;
    found.push({
      path: [...stage.path, field],
      at: 'key',
      sentence: `has no meaning for ${uses}, which is no template`,
    });
  }
  const given = target === undefined ? targets : target;
  if (kind.target === 'required' && !hasTarget) {
    found.push({ path: stage.path, at: 'key', sentence: `uses ${uses}, which needs a target or targets` });
  }
  if (kind.target === 'none' && given !== undefined) {
    const path = [...stage.path, target === undefined ? 'targets' : 'target'];
    found.push({ path, at: 'key', sentence: `has no meaning for ${uses}, which touches no cluster` });
  }
  const isTemplate = typeof root.template === 'string';
  if (needsManifests(kind, stage.raw.with) && root.manifests === undefined && !isTemplate) {
    found.push({ path: stage.path, at: 'key', sentence: `uses ${uses}, ${NO_MANIFESTS}` });
  }
  const base = [...stage.path, 'with'];
  const parameters = stage.raw.with === undefined ? {} : stage.raw.with;
  const parsed = kind.with.safeParse(parameters);
  if (parsed.success) return [...found, ...timeoutFindings(stage, root, kind, parsed.data)];
  const checked = { schema: kind.with, value: parameters, base, owner: uses, document };
  return isRecord(parameters) ? [...found, ...findings(parsed.error.issues, checked)] : found;
}

function needsManifests(kind: StageKind, given: unknown): boolean {
  if (typeof kind.manifests === 'function') return kind.manifests(isRecord(given) ? given : {});
  return kind.manifests === 'required';
}

function timeoutFindings(
  stage: RawStage,
  root: { readonly [key: string]: unknown },
  kind: StageKind,
  parameters: unknown,
): Finding[] {
  const shortestMs = kind.shortestMs?.(parameters);
  if (shortestMs === undefined) return [];
  const takes = `takes at least ${formatDuration(shortestMs)}`;
  const own = typeof stage.raw.timeout === 'string' ? durationMs(stage.raw.timeout) : undefined;
  const shared = isRecord(root.defaults) ? root.defaults.timeout : undefined;
  const limitMs = own ?? (typeof shared === 'string' ? durationMs(shared) : undefined);
  if (limitMs !== undefined && limitMs <= shortestMs) {
    const limit = formatDuration(limitMs);
    if (own === undefined) return [{ path: stage.path, at: 'key', sentence: `${takes}, but its timeout is ${limit}` }];
    const sentence = `is ${limit}, but the stage ${takes}`;
    return [{ path: [...stage.path, 'timeout'], at: 'value', sentence }];
  }
  const whole = typeof root.timeout === 'string' ? root.timeout : DEFAULT_EXECUTION_TIMEOUT;
  const wholeMs = durationMs(whole);
  if (wholeMs === undefined || wholeMs > shortestMs) return [];
  const sentence = `${takes}, but the pipeline's timeout is ${whole}; give the pipeline a longer one`;
  return [{ path: stage.path, at: 'key', sentence }];
}
