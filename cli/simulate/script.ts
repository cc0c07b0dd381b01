/** Reads scripts from YAML files, and finds what in them does not fit the plan that they are to be played on. */
import type { Plan, StageId, StagePlan } from '../../shared/core/plan.ts';
import { checkedDurationMs as spanMs } from '../../shared/pipeline/duration.ts';
import { type Finding, findings } from '../../shared/pipeline/issues.ts';
import { didYouMean } from '../../shared/pipeline/nearest.ts';
import { formatPath, type Path, type Problem, sortProblems } from '../../shared/pipeline/problem.ts';
import { readYaml, type YamlDocument } from '../../shared/pipeline/yaml-file.ts';
import type { StageKind } from '../../shared/stages/kind.ts';
import { type ScriptDefinition, type ScriptedStage, scriptSchema } from './script-schema.ts';

const MAXIMUM_SCRIPT_BYTES = 256 * 1024;
const MAXIMUM_VALUES = 20_000;

export type Script = ScriptDefinition & {
  readonly file: string;
  /** `tests/broken.yaml`, with the script's own name where it has one. */
  readonly title: string;
  readonly document: YamlDocument;
  /** The problem that a sentence about a part of the script makes. */
  problemAt(path: Path, at: Finding['at'], sentence: string): Problem;
};

/** Reads a file of one or more scripts, one in each YAML document; `problems` holds all that is wrong with any. */
export function parseScripts(command: {
  file: string;
  text: string;
}): { readonly scripts: readonly Script[] } | { readonly problems: readonly Problem[] } {
  const { file, text } = command;
  const limits = { maximumBytes: MAXIMUM_SCRIPT_BYTES, maximumValues: MAXIMUM_VALUES };
  const { documents, problems: syntax } = readYaml({ file, text, dialect: 'pipeline', limits });
  const problems: Problem[] = [...syntax];
  const scripts: Script[] = [];
  for (const [index, document] of documents.entries()) {
    const parsed = scriptSchema.safeParse(document.value);
    if (parsed.success) {
      const number = documents.length === 1 ? '' : ` (${index + 1})`;
      const title = `${file}${parsed.data.name === undefined ? number : `  ${parsed.data.name}`}`;
      const problemAt: Script['problemAt'] = (path, at, sentence) => problemOf(file, document, { path, at, sentence });
      scripts.push({ ...parsed.data, file, title, document, problemAt });
      continue;
    }
    const checked = { schema: scriptSchema, value: document.value, base: [], owner: 'a script', document };
    problems.push(...findings(parsed.error.issues, checked).map((finding) => problemOf(file, document, finding)));
  }
  if (documents.length === 0 && problems.length === 0) {
    problems.push({ file, line: 1, column: 1, message: 'the file has no script' });
  }
  return problems.length === 0 ? { scripts } : { problems: sortProblems(problems) };
}

function problemOf(file: string, document: YamlDocument, { path, at, sentence }: Finding): Problem {
  const position = at === 'key' ? document.keyAt(path) : document.valueAt(path);
  const where = formatPath(path);
  return { file, ...position, message: where === '' ? sentence : `${where}  ${sentence}` };
}

/** What the script says of a stage: under its own id, or under the id that it was declared with. */
export function scriptOfStage(script: ScriptDefinition, stage: StagePlan): ScriptedStage | undefined {
  const { stages } = script;
  if (Object.hasOwn(stages, stage.id)) return stages[stage.id];
  return Object.hasOwn(stages, stage.declaredAs) ? stages[stage.declaredAs] : undefined;
}

/** The stages of the plan that an entry under `stages` is about. */
export function stagesOfScript(plan: Plan, name: string): readonly StagePlan[] {
  const exact = plan.stages.filter((stage) => stage.id === name);
  return exact.length > 0 ? exact : plan.stages.filter((stage) => stage.declaredAs === name);
}

/** All that the script names and the plan does not have. */
export function checkScript(script: Script, plan: Plan, kinds: ReadonlyMap<string, StageKind>): readonly Problem[] {
  return sortProblems([
    ...stageProblems(script, plan, kinds),
    ...targetProblems(script, plan),
    ...script.signals.flatMap(({ stage }, index) => stageIdProblems(script, plan, stage, ['signals', index, 'stage'])),
    ...script.decisions.flatMap(({ stage }, index) =>
      stageIdProblems(script, plan, stage, ['decisions', index, 'stage']),
    ),
    ...(script.expect ?? []).flatMap(({ stage }, index) =>
      stageIdProblems(script, plan, stage, ['expect', index, 'stage']),
    ),
  ]);
}

function stageProblems(script: Script, plan: Plan, kinds: ReadonlyMap<string, StageKind>): Problem[] {
  return Object.entries(script.stages).flatMap(([name, scripted]): Problem[] => {
    const stages = stagesOfScript(plan, name);
    const path = ['stages', name];
    if (stages.length === 0) return [script.problemAt(path, 'key', noSuchStage(plan, name))];
    const found = (scripted.fails ?? []).flatMap(({ attempt = 1 }, index) => {
      const most = Math.max(...stages.map((stage) => stage.retry.attempts));
      if (attempt <= most) return [];
      const sentence = `attempt ${attempt} can never come: the stage has ${most} in all`;
      return [script.problemAt([...path, 'fails', index, 'attempt'], 'value', sentence)];
    });
    return [...found, ...outputProblems(script, name, stages, kinds)];
  });
}

function outputProblems(
  script: Script,
  name: string,
  stages: readonly StagePlan[],
  kinds: ReadonlyMap<string, StageKind>,
): Problem[] {
  const outputs = script.stages[name]?.outputs;
  const [stage] = stages;
  const kind = stage === undefined ? undefined : kinds.get(stage.kind);
  if (outputs === undefined || stage === undefined || kind === undefined) return [];
  const schema = outputsSchema(kind, stage);
  const parsed = schema.safeParse(outputs);
  if (parsed.success) return [];
  const base = ['stages', name, 'outputs'];
  const checked = { schema, value: outputs, base, owner: `the outputs of ${stage.kind}`, document: script.document };
  return findings(parsed.error.issues, checked).map(({ path, at, sentence }) => script.problemAt(path, at, sentence));
}

/** Parameters that hold expressions say nothing yet of the outputs. */
function outputsSchema(kind: StageKind, stage: StagePlan): StageKind['outputs'] {
  const parameters = stage.isDynamic === true ? undefined : kind.with.safeParse(stage.with);
  return parameters?.success === true ? (kind.outputsOf?.(parameters.data) ?? kind.outputs) : kind.outputs;
}

function targetProblems(script: Script, plan: Plan): Problem[] {
  const targets = [...new Set(plan.stages.flatMap(({ target }) => target ?? []))];
  const images = Object.keys(plan.images);
  return Object.entries(script.targets).flatMap(([target, { images: fates, unreachable, labels }]): Problem[] => {
    const path = ['targets', target];
    const saysOnlyLabels = labels !== undefined && Object.keys(fates).length === 0 && unreachable.length === 0;
    if (!targets.includes(target)) {
      if (saysOnlyLabels) return [];
      const known = targets.length === 0 ? 'none does' : `they deliver to ${targets.join(', ')}`;
      const hint = didYouMean(target, targets) || `; ${known}`;
      return [script.problemAt(path, 'key', `no stage delivers to this target${hint}`)];
    }
    const unknown = Object.keys(fates).filter((image) => !images.includes(image));
    const backwards = unreachable.flatMap(({ from, to }, index) =>
      to !== undefined && spanMs(to) <= spanMs(from) ? [index] : [],
    );
    return [
      ...unknown.map((image) => {
        const hint = didYouMean(image, images) || `; its images are ${images.join(', ') || 'none'}`;
        return script.problemAt([...path, 'images', image], 'key', `the pipeline has no such image${hint}`);
      }),
      ...backwards.map((index) =>
        script.problemAt([...path, 'unreachable', index, 'to'], 'value', 'must be later than from'),
      ),
    ];
  });
}

/** A name that must be that of one stage. */
function stageIdProblems(script: Script, plan: Plan, id: StageId, path: Path): Problem[] {
  if (plan.stages.some((stage) => stage.id === id)) return [];
  const several = plan.stages.filter((stage) => stage.declaredAs === id).map((stage) => stage.id);
  const sentence =
    several.length === 0
      ? noSuchStage(plan, id)
      : `"${id}" is several stages, one for each target; name one of ${several.join(', ')}`;
  return [script.problemAt(path, 'value', sentence)];
}

function noSuchStage(plan: Plan, name: string): string {
  const known = [...new Set(plan.stages.flatMap((stage) => [stage.id, stage.declaredAs]))];
  const ids = plan.stages.map((stage) => stage.id);
  return `"${name}": no such stage${didYouMean(name, known) || `; the stages are ${shortList(ids)}`}`;
}

const MAXIMUM_LISTED = 12;

function shortList(names: readonly string[]): string {
  const rest = names.length - MAXIMUM_LISTED;
  return rest <= 0 ? names.join(', ') : `${names.slice(0, MAXIMUM_LISTED).join(', ')} and ${rest} more`;
}
