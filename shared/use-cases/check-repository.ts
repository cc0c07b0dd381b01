/** Checks all that a folder of a repository declares, templates and the pipelines that may use them at once; nothing is kept. */
import { hashText } from '../pipeline/canonical.ts';
import { type Problem, sortProblems } from '../pipeline/problem.ts';
import type { Blobs } from '../ports/blobs.ts';
import type { Cell, ListedCells } from '../ports/cells.ts';
import type { Version, Versioned } from '../ports/execution-store.ts';
import type { Pipelines } from '../ports/pipelines.ts';
import type { Repository, Team } from '../ports/repositories.ts';
import { type CheckedFile, checkFiles, type PipelineUpload, uploadsIn } from './apply-files.ts';
import type { CheckPorts } from './apply-pipelines.ts';
import { libraryOf, type OpenLibrary } from './templates/library.ts';
import { type TemplateServicePorts, templateService } from './templates/service.ts';

export type CheckRepositoryPorts = CheckPorts & TemplateServicePorts;

export type CheckedRepository = {
  readonly pipelines: readonly CheckedFile[];
  readonly templates: readonly PipelineUpload[];
  /** The templates as they would be with those of the folder published. */
  readonly openLibrary: OpenLibrary;
};

const DECLARES_TEMPLATE = /^template[ \t]*:/m;

/** `team` is what the repository is bound to. Every problem is told at once. */
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
  const isTemplate = ({ text }: PipelineUpload): boolean => DECLARES_TEMPLATE.test(text);
  const templates = uploads.filter(isTemplate);
  const drafts = draftPorts(ports);
  const service = templateService(drafts);
  const problems: Problem[] = [];
  for (const { file, text } of templates) {
    const published = await service.publish({ file, text, by: publisherOf(repository) });
    if (published.is === 'refused') problems.push(...published.problems);
  }
  const openLibrary = templates.length === 0 ? ports.openLibrary : libraryOf(drafts);
  const checked = await checkFiles(
    { ...ports, openLibrary },
    {
      uploads: uploads.filter((upload) => !isTemplate(upload)),
      bound: templates,
      problems: [...missing, ...problems],
      team,
    },
  );
  if ('problems' in checked) return { problems: sortProblems(checked.problems) };
  return { pipelines: checked.checked, templates, openLibrary };
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
    put: async () => undefined,
    change: async () => 'changed',
  };
  return {
    ...ports,
    pipelines,
    templates: draftCells(ports.templates),
    rollouts: draftCells(ports.rollouts),
    blobs: draftBlobs(ports.blobs),
  };
}

function draftBlobs(blobs: Blobs): Blobs {
  const drafts = new Map<string, string>();
  return {
    async put({ text }) {
      const hash = hashText(text);
      drafts.set(hash, text);
      return hash;
    },
    get: async ({ hash }) => drafts.get(hash) ?? (await blobs.get({ hash })),
  };
}

function draftCells<T>(cells: ListedCells<T>): ListedCells<T> {
  const drafts = new Map<string, Versioned<T> | undefined>();
  let written = 0;
  const read = async ({ key }: { key: string }): Promise<Versioned<T> | undefined> =>
    drafts.has(key) ? drafts.get(key) : cells.read({ key });
  const isExpected = async (key: string, expected: Version | 'absent'): Promise<boolean> =>
    ((await read({ key }))?.version ?? 'absent') === expected;
  return {
    read,
    async write({ key, value, expected }) {
      if (!(await isExpected(key, expected))) return 'conflict';
      written += 1;
      drafts.set(key, { value, version: `draft-${written}` });
      return `draft-${written}`;
    },
    async delete({ key, expected }) {
      if ((await read({ key })) !== undefined && !(await isExpected(key, expected))) return 'conflict';
      drafts.set(key, undefined);
      return 'deleted';
    },
    async list(query) {
      const kept = (await cells.list(query)).filter(({ key }) => !drafts.has(key));
      const own = [...drafts].flatMap(([key, cell]): Cell<T>[] =>
        cell === undefined || key <= (query.after ?? '') ? [] : [{ key, ...cell }],
      );
      return [...kept, ...own].sort((a, b) => (a.key < b.key ? -1 : 1)).slice(0, query.limit);
    },
  };
}
