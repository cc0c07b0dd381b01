/** Checks all that a folder of a repository declares, templates and the pipelines that may use them at once; nothing is kept. */
import { declaresTemplate } from '../git/pipeline-files.ts';
import { beyondNamespaces } from '../kubernetes/allowed-namespaces.ts';
import { beyondBinding } from '../pipeline/binding.ts';
import { hasExpression } from '../pipeline/expressions/text.ts';
import { type Problem, sortProblems } from '../pipeline/problem.ts';
import { renderObjects } from '../pipeline/render.ts';
import type { ListedCells } from '../ports/cells.ts';
import type { Manifest } from '../ports/cluster.ts';
import type { AppliedPipeline, Pipelines } from '../ports/pipelines.ts';
import type { Repository, Team } from '../ports/repositories.ts';
import { type CheckedFile, checkFiles, uploadsIn } from './apply-files.ts';
import type { CheckPorts, PipelineUpload } from './check-pipelines.ts';
import { draftBlobs, draftCells } from './draft-stores.ts';
import { outlinePlan } from './make-plan.ts';
import { objectsIn } from './require-binding.ts';
import { libraryOf, type OpenLibrary } from './templates/library.ts';
import { type LockedTemplates, lockedTemplates } from './templates/locked.ts';
import { inOrderOfUse } from './templates/order-of-use.ts';
import { type TemplateServicePorts, templateService } from './templates/service.ts';

export type CheckRepositoryPorts = CheckPorts &
  TemplateServicePorts & { readonly repositories: Pick<ListedCells<Repository>, 'read'> };

export type CheckedRepository = {
  readonly pipelines: readonly CheckedFile[];
  /** Each after those that it uses. */
  readonly templates: readonly PipelineUpload[];
  /** The templates as they would be with those of the folder published. */
  readonly openLibrary: OpenLibrary;
};

/** How long rendering one pipeline's manifests may take, in ms. */
const RENDER_TIMEOUT_MS = 60_000;

/**
 * `repository` is what they come from, and `team` what it is bound to. Every problem of one sort is told at once: what
 * is wrong with the files, and then what they would take that is not theirs.
 */
export async function checkRepository(
  ports: CheckRepositoryPorts,
  command: {
    readonly repository: Repository;
    readonly team: Team;
    readonly files: { readonly [path: string]: string };
  },
): Promise<CheckedRepository | { readonly problems: readonly Problem[] }> {
  const { repository, team } = command;
  const { uploads, problems: missing } = await uploadsIn(command.files);
  const declaring = new Set(uploads.filter(declaresTemplate));
  const { templates, problems: circles } = inOrderOfUse([...declaring]);
  const drafts = draftPorts(ports);
  const service = templateService(drafts);
  const problems: Problem[] = [...circles];
  for (const { file, text } of templates) {
    const published = await service.publish({ file, text, by: publisherOf(repository) });
    if (published.is === 'refused') problems.push(...published.problems);
  }
  const openLibrary = templates.length === 0 ? ports.openLibrary : drafts.openLibrary;
  const checked = await checkFiles(
    { ...ports, openLibrary },
    {
      uploads: uploads.filter((upload) => !declaring.has(upload)),
      bound: templates,
      problems: [...missing, ...problems],
      team,
    },
  );
  if ('problems' in checked) return { problems: sortProblems(checked.problems) };
  const taken: Problem[] = [];
  const locked = lockedTemplates(drafts);
  for (const one of checked.checked) {
    const before = await ports.pipelines.get({ name: one.definition.pipeline });
    const claims = [await ownedByAnother(ports, repository, before), await claimed(drafts, locked, team, one)];
    for (const sentence of claims) {
      if (sentence !== undefined) taken.push(problemAt(one, `pipeline  ${sentence}`));
    }
  }
  if (taken.length > 0) return { problems: sortProblems(taken) };
  return { pipelines: checked.checked, templates, openLibrary };
}

/** Why the repository may not have the pipeline, which another one manages; undefined where it may. */
export async function ownedByAnother(
  ports: { readonly repositories: Pick<ListedCells<Repository>, 'read'> },
  { id }: Repository,
  before: AppliedPipeline | undefined,
): Promise<string | undefined> {
  const other = before?.managed?.repository;
  if (other === undefined || other === id) return undefined;
  const registered = await ports.repositories.read({ key: other });
  return registered === undefined ? undefined : `"${before?.name}" belongs to the repository ${other}`;
}

/** What the pipeline would take beyond its team's binding, as far as that is known before it runs. */
async function claimed(
  ports: CheckRepositoryPorts,
  locked: LockedTemplates,
  team: Team,
  one: CheckedFile,
): Promise<string | undefined> {
  const { definition, settled, lock, upload } = one;
  const objects: Manifest[] = [];
  const { manifests: source, pipeline, namespace } = settled;
  // What expressions stand for is known when an execution is planned, and is looked at again then.
  if (source !== undefined && !hasExpression(JSON.stringify(source))) {
    const { renderer } = ports;
    const signal = AbortSignal.timeout(RENDER_TIMEOUT_MS);
    const { files, file: pipelineFile } = upload;
    const rendered = await renderObjects({ source, files, pipelineFile, pipeline, namespace, renderer, signal });
    if ('objects' in rendered) objects.push(...rendered.objects);
  }
  const isComplete = Object.values(definition.inputs).every(({ required }) => required !== true);
  const { kinds, targets } = ports;
  const templates = await locked(lock);
  const plan = isComplete ? outlinePlan({ definition, kinds, templates, targets }) : undefined;
  if (plan !== undefined) objects.push(...(await objectsIn(ports.blobs, plan)));
  const sentence = plan === undefined ? firstBeyond(team.namespaces, objects) : beyondBinding(team, plan, objects);
  return sentence === undefined ? undefined : `claims what its team may not have: ${sentence}`;
}

function firstBeyond(namespaces: readonly string[], objects: readonly Manifest[]): string | undefined {
  for (const object of objects) {
    const sentence = beyondNamespaces(namespaces, object);
    if (sentence !== undefined) return sentence;
  }
  return undefined;
}

function problemAt({ upload, at }: CheckedFile, message: string): Problem {
  return { file: upload.file, ...at, message };
}

/** In whose name its templates are published. */
export function publisherOf({ id }: Repository): string {
  return `repository ${id}`;
}

/** The same ports, whose writes are seen by nobody else and are gone afterwards. */
function draftPorts<P extends TemplateServicePorts>(ports: P): P {
  const pipelines: Pipelines = {
    get: (query) => ports.pipelines.get(query),
    list: (query) => ports.pipelines.list(query),
    triggers: (query) => ports.pipelines.triggers(query),
    change: async () => 'changed',
  };
  const templates = draftCells(ports.templates);
  const blobs = draftBlobs(ports.blobs);
  const openLibrary = libraryOf({ templates, blobs });
  return { ...ports, pipelines, templates, rollouts: draftCells(ports.rollouts), blobs, openLibrary };
}
