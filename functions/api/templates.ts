/** The routes of templates and of the catalog: what there is, who uses it, publishing, rollouts, and what a version would change. */
import { z } from 'zod';
import type { CatalogEntry } from '../../shared/use-cases/catalog.ts';
import type { CopiedPipeline } from '../../shared/use-cases/copy-pipeline.ts';
import type { TemplateService } from '../../shared/use-cases/templates/service.ts';
import { DEFAULT_LIMIT, MAXIMUM_LIMIT, UNNAMED } from './executions.ts';
import { type ApiRequest, json, Refusal, type Reply, readBody, readQuery } from './http.ts';
import { name, refusedPipelines } from './pipelines.ts';
import type { Route } from './router.ts';

export type TemplateCommands = {
  readonly templates: TemplateService;
  readonly readCatalog: (query: {
    search?: string | undefined;
    limit: number;
    after?: string | undefined;
  }) => Promise<readonly CatalogEntry[]>;
  readonly copyPipeline: (query: { name: string }) => Promise<CopiedPipeline>;
};

const MAXIMUM_NAME = 200;
const MAXIMUM_MESSAGE = 1_000;
const MAXIMUM_AFTER = 1_000;
const by = z.string().trim().min(1).max(MAXIMUM_NAME).default(UNNAMED);

const CatalogQuery = z.strictObject({
  search: z.string().max(MAXIMUM_NAME).optional(),
  limit: z.coerce.number().int().min(1).max(MAXIMUM_LIMIT).default(DEFAULT_LIMIT),
  after: name.optional(),
});
const file = { file: name, text: z.string() };
const PublishBody = z.strictObject({
  ...file,
  by,
  rings: name.optional(),
  after: z.int().min(1).max(MAXIMUM_AFTER).optional(),
  takeOver: z.boolean().optional(),
});
const ImpactBody = z.strictObject(file);
const DecisionBody = z.strictObject({ by });
const DeprecationBody = z.strictObject({
  version: name,
  message: z.string().trim().min(1).max(MAXIMUM_MESSAGE).optional(),
});

export function templateRoutes({ templates, readCatalog, copyPipeline }: TemplateCommands): readonly Route[] {
  return [
    {
      method: 'GET',
      pattern: '/api/catalog',
      access: 'person',
      handle: async (request) => json(200, { items: await readCatalog(readQuery(request, CatalogQuery)) }),
    },
    {
      method: 'GET',
      pattern: '/api/pipelines/:name/copy',
      access: 'person',
      async handle(request) {
        const copied = await copyPipeline({ name: nameOf(request) });
        if (copied.is === 'copied') return json(200, copied);
        throw new Refusal(copied.is === 'unknown' ? 404 : 409, copied.is, copied.message);
      },
    },
    {
      method: 'GET',
      pattern: '/api/templates',
      access: 'holder',
      handle: async () => json(200, { items: await templates.list() }),
    },
    {
      method: 'PUT',
      pattern: '/api/templates',
      access: 'holder',
      async handle(request) {
        const published = await templates.publish(await readBody(request, PublishBody));
        if (published.is === 'refused') throw refusedPipelines(published.problems, 'Nothing was published.');
        return json(200, published);
      },
    },
    {
      method: 'POST',
      pattern: '/api/templates/impact',
      access: 'holder',
      async handle(request) {
        const report = await templates.impact(await readBody(request, ImpactBody));
        if (report.is === 'refused') throw refusedPipelines(report.problems, 'Nothing was compared.');
        return json(200, report);
      },
    },
    {
      method: 'GET',
      pattern: '/api/templates/:name',
      access: 'holder',
      handle: (request) => described(templates, nameOf(request)),
    },
    {
      method: 'POST',
      pattern: '/api/templates/:name/rollback',
      access: 'holder',
      async handle(request) {
        const template = nameOf(request);
        const { by: person } = await readBody(request, DecisionBody);
        return decided(templates, template, await templates.rollBack({ template, by: person }));
      },
    },
    {
      method: 'POST',
      pattern: '/api/templates/:name/continue',
      access: 'holder',
      async handle(request) {
        const template = nameOf(request);
        const { by: person } = await readBody(request, DecisionBody);
        return decided(templates, template, await templates.continueRollout({ template, by: person }));
      },
    },
    {
      method: 'POST',
      pattern: '/api/templates/:name/deprecation',
      access: 'holder',
      async handle(request) {
        const template = nameOf(request);
        const body = await readBody(request, DeprecationBody);
        return decided(templates, template, await templates.deprecate({ template, ...body }));
      },
    },
  ];
}

function nameOf(request: ApiRequest): string {
  return request.parameters.name ?? '';
}

async function described(templates: TemplateService, wanted: string): Promise<Reply> {
  const found = await templates.show({ name: wanted });
  if ('template' in found) return json(200, found.template);
  throw new Refusal(404, 'unknown-template', found.unknown);
}

async function decided(
  templates: TemplateService,
  template: string,
  answer: Awaited<ReturnType<TemplateService['rollBack']>>,
): Promise<Reply> {
  if (answer.is === 'unknown') throw new Refusal(404, 'unknown-template', answer.message);
  if (answer.is === 'refused') throw new Refusal(409, 'not-possible', answer.message);
  return described(templates, template);
}
