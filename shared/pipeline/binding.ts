/** What a team may declare, compared with what a file says, so that `team:` in a file claims nothing that the team was not given. */
import type { Plan } from '../core/plan.ts';
import { beyondNamespaces } from '../kubernetes/allowed-namespaces.ts';
import type { Manifest } from '../ports/cluster.ts';
import type { Team } from '../ports/repositories.ts';
import { matchesGlob } from './glob.ts';
import { formatPath, type Path, type Problem } from './problem.ts';
import { isRecord, readYaml, type YamlDocument } from './yaml-file.ts';

const LIMITS = { maximumBytes: 1024 * 1024, maximumValues: 50_000 };

/** Everything that the file claims and the team may not have, with its place. What is not YAML is told elsewhere. */
export function problemsOfBinding(command: { file: string; text: string; team: Team }): Problem[] {
  const { file, text, team } = command;
  const { documents } = readYaml({ file, text, dialect: 'pipeline', limits: LIMITS });
  return documents.flatMap((document) =>
    claims(document.value).flatMap(({ path, value, kind }): Problem[] => {
      const sentence = beyond(team, kind, value);
      return sentence === undefined
        ? []
        : [{ file, ...document.valueAt(path), message: `${formatPath(path)}  ${sentence}` }];
    }),
  );
}

/** The names of the file's pipelines that do not say whose they are. */
export function pipelinesWithoutTeam({ file, text }: { file: string; text: string }): ReadonlySet<string> {
  const { documents } = readYaml({ file, text, dialect: 'pipeline', limits: LIMITS });
  const names = documents.flatMap(({ value }) =>
    isRecord(value) && typeof value.pipeline === 'string' && value.team === undefined ? [value.pipeline] : [],
  );
  return new Set(names);
}

/**
 * The first thing that a plan with these objects would do and the team may not, in a sentence; undefined where it may
 * do all of it. Objects of a whole cluster are nobody's but the admins', except for the team's own namespaces.
 */
export function beyondBinding(team: Team, plan: Plan, objects: readonly Manifest[]): string | undefined {
  const targets = new Set(plan.stages.flatMap(({ target }) => (target === undefined ? [] : [target])));
  const sentences = [
    beyond(team, 'pipelines', plan.pipeline),
    beyond(team, 'namespaces', plan.namespace),
    ...[...targets].map((target) => beyond(team, 'targets', target)),
    ...plan.stages.map((stage) => beyondPipelines(team, stage)),
    ...objects.map((object) => beyondNamespaces(team.namespaces, object)),
  ];
  return sentences.find((sentence) => sentence !== undefined);
}

/** What a stage runs or reads of other pipelines is held to the team's, too: it may neither act nor look as another. */
function beyondPipelines(team: Team, { id, kind, with: given }: Plan['stages'][number]): string | undefined {
  const name = valueAt(given, OTHER_PIPELINES[kind] ?? []);
  if (typeof name !== 'string') return undefined;
  if (name.includes('${{')) return `${id} names a pipeline that is known only when it runs, and has to be known before`;
  const sentence = beyond(team, 'pipelines', name);
  return sentence === undefined ? undefined : `${id}: ${sentence}`;
}

/** Where stages of a kind name another pipeline, below `with`. */
const OTHER_PIPELINES: { readonly [kind: string]: readonly string[] } = {
  pipeline: ['pipeline'],
  find: ['execution', 'pipeline'],
};

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((part, name) => (isRecord(part) ? part[name] : undefined), value);
}

type Kind = 'team' | 'pipelines' | 'targets' | 'namespaces';
type Claim = { readonly path: Path; readonly value: unknown; readonly kind: Kind };

function claims(value: YamlDocument['value']): Claim[] {
  if (!isRecord(value)) return [];
  const found: Claim[] = [
    { path: ['pipeline'], value: value.pipeline, kind: 'pipelines' },
    { path: ['template'], value: value.template, kind: 'pipelines' },
    { path: ['team'], value: value.team, kind: 'team' },
    { path: ['owner'], value: value.template === undefined ? undefined : value.owner, kind: 'team' },
    { path: ['namespace'], value: value.namespace, kind: 'namespaces' },
  ];
  const stages = isRecord(value.stages) ? value.stages : {};
  for (const [id, stage] of Object.entries(stages)) {
    if (!isRecord(stage)) continue;
    found.push({ path: ['stages', id, 'target'], value: stage.target, kind: 'targets' });
    const other = typeof stage.uses === 'string' ? OTHER_PIPELINES[stage.uses] : undefined;
    if (other !== undefined) {
      const path = ['stages', id, 'with', ...other];
      found.push({ path, value: valueAt(stage.with, other), kind: 'pipelines' });
    }
    const names = isRecord(stage.targets) ? stage.targets.names : stage.targets;
    const at: Path = isRecord(stage.targets) ? ['stages', id, 'targets', 'names'] : ['stages', id, 'targets'];
    if (Array.isArray(names)) {
      for (const [index, name] of names.entries()) found.push({ path: [...at, index], value: name, kind: 'targets' });
    } else {
      found.push({ path: at, value: names, kind: 'targets' });
    }
  }
  return found;
}

const WORDS: { readonly [kind in Exclude<Kind, 'team'>]: string } = {
  pipelines: 'names',
  targets: 'targets',
  namespaces: 'namespaces',
};

function beyond(team: Team, kind: Kind, value: unknown): string | undefined {
  // What an expression comes to is looked at when the plan is made.
  if (typeof value !== 'string' || value.includes('${{')) return undefined;
  if (kind === 'team') {
    return value === team.name
      ? undefined
      : `"${value}" is not the team that the repository is bound to, "${team.name}"`;
  }
  const allowed = team[kind];
  if (allowed.some((pattern) => matchesGlob(pattern, value))) return undefined;
  const may = allowed.length === 0 ? 'it may use none' : `it may use ${allowed.join(', ')}`;
  return `"${value}" is not among the ${WORDS[kind]} of the team "${team.name}"; ${may}`;
}
