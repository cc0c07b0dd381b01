/** What can be wrong with templates, and with how a pipeline uses them. */

import { hasExpression } from './expressions/text.ts';
import { givenProblems } from './inputs.ts';
import { type Finding, findings } from './issues.ts';
import { didYouMean } from './nearest.ts';
import type { Path } from './problem.ts';
import { cycleFindings, insertedStages, needsOf, type RawStage, rawStagesOf } from './raw-stages.ts';
import { templateOf } from './scope-checks.ts';
import {
  INHERITED,
  MAXIMUM_TEMPLATE_DEPTH,
  nameOfTemplate,
  type Template,
  type Templates,
  templatesUsed,
  templateUse,
} from './template.ts';
import type { Usable } from './usable.ts';
import { isRecord, type YamlDocument } from './yaml-file.ts';

/** What is wrong with a stage that uses a template. */
export function templateFindings(stage: RawStage, document: YamlDocument, usable: Usable): Finding[] {
  const { uses } = stage.raw;
  const use = typeof uses === 'string' ? templateUse(uses) : undefined;
  if (use === undefined) return [];
  const path = [...stage.path, 'uses'];
  const found = usable.templates.find(use);
  switch (found.is) {
    case 'unknown': {
      const known = usable.templates.names();
      const others = known.length === 0 ? '; none is published' : `; there are ${known.join(', ')}`;
      const sentence = `"${use.name}": no such template${didYouMean(use.name, known) || others}`;
      return [{ path, at: 'value', sentence }];
    }
    case 'not-a-range': {
      const sentence = `"${use.range}" is not a range of versions; write one as in ${use.name}@2 or ${use.name}@^2.1.0`;
      return [{ path, at: 'value', sentence }];
    }
    case 'no-version': {
      const sentence =
        found.because ?? `no version of ${use.name} fits "${use.range}"; there are ${found.versions.join(', ')}`;
      return [{ path, at: 'value', sentence }];
    }
    case 'unchecked':
      return [];
    case 'found':
      return [
        ...inputFindings(stage, found.template),
        ...placeFindings(stage, found.template),
        ...overrideFindings(stage, found.template, document, usable),
        ...fieldFindings(stage, found.template),
      ];
  }
}

function inputFindings(stage: RawStage, template: Template): Finding[] {
  const given = stage.raw.with ?? {};
  if (!isRecord(given)) return [];
  const path = [...stage.path, 'with'];
  return givenProblems(given, template.inputs, path, hasExpression).map((problem) => {
    const isUnknown = problem.text.startsWith('is not an input');
    const sentence = isUnknown
      ? problem.text.replace('an input', `an input of ${nameOfTemplate(template)}`)
      : problem.text;
    const at = isUnknown || problem.text.startsWith('is not a field') ? 'key' : 'value';
    return { path: problem.path, at, sentence };
  });
}

function fieldFindings(stage: RawStage, template: Template): Finding[] {
  const onFailure = stage.raw['on-failure'];
  const guarded = template.protected.filter((id) => Object.hasOwn(template.stages, id));
  if (isRecord(onFailure) && onFailure.then === 'continue' && guarded.length > 0) {
    const sentence = `cannot be said of ${guarded.join(', ')}, which ${nameOfTemplate(template)} protects; say it for others: override: { STAGE: { on-failure: { then: continue } } }`;
    return [{ path: [...stage.path, 'on-failure', 'then'], at: 'value', sentence }];
  }
  return ['timeout', 'retry'].flatMap((field): Finding[] => {
    if (stage.raw[field] === undefined) return [];
    const [first = 'stage'] = Object.keys(template.stages);
    const sentence = `has no meaning for a template; say it for one of its stages: override: { ${first}: { ${field}: … } }`;
    return [{ path: [...stage.path, field], at: 'key', sentence }];
  });
}

function placeFindings(stage: RawStage, template: Template): Finding[] {
  const names = Object.keys(template.places);
  const taken = new Set(Object.keys(template.stages));
  const found: Finding[] = [];
  for (const { place, path, stages } of insertedStages(stage)) {
    const at = template.places[place];
    if (at === undefined) {
      const others = names.length === 0 ? '; it has none' : `; its places are ${names.join(', ')}`;
      const sentence = `is not a place of ${nameOfTemplate(template)}${didYouMean(place, names) || others}`;
      found.push({ path, at: 'key', sentence });
    }
    const ids = stages.map(({ id }) => id);
    if (ids.length === 0) found.push({ path, at: 'key', sentence: 'has no stage; leave the place out' });
    for (const inserted of stages) {
      if (taken.has(inserted.id)) {
        const isOwn = Object.hasOwn(template.stages, inserted.id);
        const where = isOwn ? `in ${nameOfTemplate(template)}` : 'that is inserted at another place';
        const sentence = `is the id of a stage ${where} already; take another`;
        found.push({ path: inserted.path, at: 'key', sentence });
      }
      for (const need of needsOf(inserted)) {
        if (ids.includes(need.id)) continue;
        const sentence = `needs "${need.id}": no stage inserted here${didYouMean(need.id, ids) || '; the place itself says what comes before'}`;
        found.push({ path: need.path, at: 'value', sentence, alone: true });
      }
    }
    for (const id of ids) taken.add(id);
    found.push(...cycleFindings(stages));
  }
  return found;
}

function overrideFindings(stage: RawStage, template: Template, document: YamlDocument, usable: Usable): Finding[] {
  const ids = Object.keys(template.stages);
  return rawStagesOf(stage.raw.override, [...stage.path, 'override']).flatMap((changed): Finding[] => {
    if (!ids.includes(changed.id)) {
      const hint = didYouMean(changed.id, ids) || `; its stages are ${ids.join(', ')}`;
      const sentence = `is not a stage of ${nameOfTemplate(template)}${hint}`;
      return [{ path: changed.path, at: 'key', sentence }];
    }
    if (!template.protected.includes(changed.id)) return changedFindings(changed, template, document, usable);
    const sentence = `is protected by ${nameOfTemplate(template)}; ask ${template.owner}, who publishes it`;
    return [{ path: changed.path, at: 'key', sentence }];
  });
}

/** The parameters that replace those of the template are held to what its stage takes. */
function changedFindings(changed: RawStage, template: Template, document: YamlDocument, usable: Usable): Finding[] {
  const stage = template.stages[changed.id];
  const given = isRecord(changed.raw.with) ? changed.raw.with : {};
  const base = [...changed.path, 'with'];
  const kind = stage === undefined ? undefined : usable.kinds.get(stage.uses);
  if (stage !== undefined && kind !== undefined) {
    const value = { ...stage.with, ...given };
    const parsed = kind.with.safeParse(value);
    if (parsed.success) return [];
    const told = findings(parsed.error.issues, { schema: kind.with, value, base, owner: kind.kind, document });
    return told.filter(({ path }) => path.length === base.length || Object.hasOwn(given, String(path[base.length])));
  }
  const inner = stage === undefined ? undefined : templateOf(stage.uses, usable);
  if (stage === undefined || inner === undefined) return [];
  const uses = { ...changed, raw: { ...changed.raw, uses: stage.uses, with: { ...stage.with, ...given } } };
  const told = inputFindings(uses, inner).filter(({ path }) => Object.hasOwn(given, String(path[base.length])));
  return [...told, ...fieldFindings(uses, inner)];
}

/** One pipeline runs one version of a template, or a new version could not be rolled out to it as a whole. */
export function lockFindings(stages: readonly RawStage[], templates: Templates): Finding[] {
  const versions = new Map<string, string>();
  const all = stages.flatMap((stage) => [stage, ...insertedStages(stage).flatMap((place) => place.stages)]);
  return all.flatMap((stage): Finding[] => {
    const { uses } = stage.raw;
    if (typeof uses !== 'string') return [];
    return Object.entries(templatesUsed({ [stage.id]: { uses } }, templates)).flatMap(([name, version]): Finding[] => {
      const before = versions.get(name);
      versions.set(name, before ?? version);
      if (before === undefined || before === version) return [];
      const sentence = `leads to ${name}@${version}, and an earlier stage to ${name}@${before}; a pipeline uses one version of a template`;
      return [{ path: [...stage.path, 'uses'], at: 'value', sentence }];
    });
  });
}

/** What a pipeline says although a template of it protects it. */
export function protectedFindings(
  root: { readonly [key: string]: unknown },
  stages: readonly RawStage[],
  usable: Usable,
): Finding[] {
  return stages.flatMap((stage) => {
    return templatesWithin(stage.raw.uses, usable).flatMap((template) =>
      INHERITED.flatMap((field): Finding[] => {
        if (!template.protected.includes(field) || root[field] === undefined) return [];
        const sentence = `is protected by ${nameOfTemplate(template)}, which stage ${stage.id} uses; leave it out`;
        return [{ path: [field], at: 'key', sentence }];
      }),
    );
  });
}

/** The template that is used, and those that it uses. */
function templatesWithin(uses: unknown, usable: Usable, depth = 0): Template[] {
  const template = templateOf(uses, usable);
  if (template === undefined || depth > MAXIMUM_TEMPLATE_DEPTH) return [];
  const inner = Object.values(template.stages).flatMap((stage) => templatesWithin(stage.uses, usable, depth + 1));
  return [template, ...inner];
}

/** What is wrong with a template itself. */
export function publishedFindings(
  root: { readonly [key: string]: unknown },
  stages: readonly RawStage[],
  { kinds }: Usable,
): Finding[] {
  const ids = stages.map(({ id }) => id);
  const replaced = new Set<string>();
  const found: Finding[] = [];
  const unknown = (path: Path, id: string, what: string, known: readonly string[]): void => {
    const hint = didYouMean(id, known) || `; there are ${known.join(', ')}`;
    found.push({ path, at: 'value', sentence: `"${id}": ${what}${hint}` });
  };
  for (const [place, at] of Object.entries(isRecord(root.places) ? root.places : {})) {
    for (const [where, id] of Object.entries(isRecord(at) ? at : {})) {
      const path = ['places', place, where];
      if (typeof id !== 'string') continue;
      if (!ids.includes(id)) unknown(path, id, 'no such stage in this template', ids);
      else if (where === 'replace' && replaced.has(id)) {
        found.push({ path, at: 'value', sentence: `"${id}" can be replaced at another place already` });
      }
      if (where !== 'replace' || !ids.includes(id)) continue;
      found.push(...replacedFindings(root, stages, id, path));
      replaced.add(id);
    }
  }
  const protectable = [...ids, ...INHERITED];
  for (const [index, id] of (Array.isArray(root.protected) ? root.protected : []).entries()) {
    if (typeof id === 'string' && !protectable.includes(id)) {
      unknown(['protected', index], id, 'nothing in this template is called so', protectable);
    }
  }
  const own = typeof root.template === 'string' ? root.template : '';
  for (const stage of stages) {
    const { uses } = stage.raw;
    if (typeof uses === 'string' && kinds.get(uses)?.rendersFiles === true) {
      const sentence = `uses ${uses}, which reads files beside a pipeline; a template has none: give its deploy "objects" instead`;
      found.push({ path: [...stage.path, 'uses'], at: 'value', sentence, alone: true });
    }
    if (typeof uses !== 'string' || templateUse(uses)?.name !== own) continue;
    found.push({ path: [...stage.path, 'uses'], at: 'value', sentence: 'is this template itself' });
  }
  return found;
}

/** Nobody knows what the outputs of an inserted stage will be. */
function replacedFindings(
  root: { readonly [key: string]: unknown },
  stages: readonly RawStage[],
  id: string,
  path: Path,
): Finding[] {
  const named = new RegExp(`\\bstages\\s*(?:\\.\\s*${id}\\b|\\[\\s*["']${id}["'])`);
  const isNamed = named.test(JSON.stringify([root.outputs, stages.map(({ raw }) => raw)]));
  if (!isNamed) return [];
  const sentence = `"${id}" cannot be replaced, because its outputs are used in this template`;
  return [{ path, at: 'value', sentence }];
}
