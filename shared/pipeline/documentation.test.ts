import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import type { PinnedImage } from '../core/plan.ts';
import { loadStageKinds } from '../stages/custom-kinds.ts';
import type { StageKind } from '../stages/kind.ts';
import { stageKinds } from '../stages/registry.ts';
import { compile, planHash } from './compile.ts';
import { pipelineJsonSchema } from './json-schema.ts';
import { outline } from './outline.ts';
import { parsePipelines } from './parse.ts';
import { formatProblems } from './problem.ts';
import { renderManifests } from './render.ts';
import { selectFiles } from './select-files.ts';
import { settle } from './settle.ts';
import { templatesOf } from './template.ts';
import { isRecord } from './yaml-file.ts';

const ROOT = join(import.meta.dirname, '../..');
const REFERENCE = ['pipelines.md', 'triggers.md', 'flow.md']
  .map((name) => readFileSync(join(ROOT, 'docs', name), 'utf8'))
  .join('\n');
const TEMPLATES = readFileSync(join(ROOT, 'docs/templates.md'), 'utf8');
const kinds: ReadonlyMap<string, StageKind> = stageKinds();

type Block = { readonly language: string; readonly text: string };
const blocks: Block[] = [...REFERENCE.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = '']) => ({
  language,
  text,
}));
const yamlBlocks = blocks.flatMap(({ language, text }, index) => {
  const next = blocks[index + 1];
  if (language !== 'yaml') return [];
  return [{ text, expected: next?.language === 'text' ? next.text.trim() : undefined }];
});

const shipped = readdirSync(join(ROOT, 'templates'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.yaml'))
  .flatMap((path) => {
    const text = readFileSync(join(ROOT, 'templates', path), 'utf8');
    const parsed = parsePipelines({ file: path, text, kinds });
    if ('problems' in parsed) throw new Error(formatProblems(parsed.problems));
    return parsed.templates;
  });
const templates = templatesOf(shipped);
const templatesFor = () => templates;

/** A block that shows a part of a pipeline, made whole with as little as possible. */
function whole(text: string): string {
  const given: unknown = parse(text);
  const has = (field: string): boolean => isRecord(given) && Object.hasOwn(given, field);
  return [
    has('pipeline') ? '' : 'pipeline: example\n',
    text,
    has('stages') ? '' : 'stages: { pause: { uses: wait, with: { for: 1s } } }\n',
  ].join('');
}

describe('the reference of the language', () => {
  it.each(yamlBlocks)('has only YAML that means what it says: %#', ({ text, expected }) => {
    const parsed = parsePipelines({ file: 'gennaker.yaml', text: whole(text), kinds, templatesFor });
    expect('problems' in parsed ? formatProblems(parsed.problems) : undefined).toBe(expected);
    for (const definition of 'pipelines' in parsed ? parsed.pipelines : []) {
      const targets = [...'jp us uk'.split(' ')].map((target) => ({
        name: target,
        labels: { env: 'prod', region: `asia-${target}` },
      }));
      expect(outline({ definition, kinds, templates, targets }).plan.stages.length).toBeGreaterThan(0);
    }
  });

  it('tells of every field of the language and of every parameter and output of the kinds', () => {
    const names = new Set<string>();
    collectProperties(pipelineJsonSchema(kinds), names);
    for (const kind of kinds.values())
      collectProperties(z.toJSONSchema(kind.outputs, { unrepresentable: 'any' }), names);
    const told = [...names].filter((name) => !(REFERENCE + TEMPLATES).includes(name));
    expect(told).toEqual([]);
    expect(names.size).toBeGreaterThan(30);
  });
});

function collectProperties(schema: unknown, names: Set<string>): void {
  if (Array.isArray(schema)) for (const item of schema) collectProperties(item, names);
  if (!isRecord(schema)) return;
  if (isRecord(schema.properties)) for (const name of Object.keys(schema.properties)) names.add(name);
  for (const inner of Object.values(schema)) collectProperties(inner, names);
}

describe.each(readdirSync(join(ROOT, 'examples')))('examples/%s', (name) => {
  const folder = join(ROOT, 'examples', name);

  it('parses, renders and compiles to one plan', async () => {
    const file = `examples/${name}/gennaker.yaml`;
    const ownKinds = join(folder, 'index.ts');
    const known = await loadStageKinds({ modules: existsSync(ownKinds) ? [ownKinds] : [] });
    const parsed = parsePipelines({
      file,
      text: readFileSync(join(folder, 'gennaker.yaml'), 'utf8'),
      kinds: known,
      templatesFor,
    });
    expect('problems' in parsed ? formatProblems(parsed.problems) : '').toBe('');
    for (const definition of 'pipelines' in parsed ? parsed.pipelines : []) {
      const images = Object.fromEntries(
        Object.entries(definition.images).map(([key, { repository }]): [string, PinnedImage] => [
          key,
          { repository, tag: '1.2.3', digest: `sha256:${'9f3c'.repeat(16)}` },
        ]),
      );
      const compiled = {
        definition: settle({ definition, templates, inputs: {} }),
        kinds: known,
        templates,
        targets: undefined,
        images,
        trigger: {},
        manifests: `sha256:${'1'.repeat(64)}`,
      };
      expect(planHash(compile(compiled))).toBe(planHash(compile(compiled)));
      if (definition.manifests === undefined) continue;
      const patterns = definition.manifests.files ?? [];
      const all = readdirSync(folder, { recursive: true, encoding: 'utf8' });
      const selected = selectFiles({ paths: all, patterns, pipelineFile: file });
      const paths = 'paths' in selected ? selected.paths : [];
      const files = Object.fromEntries(paths.map((path) => [path, readFileSync(join(folder, path), 'utf8')]));
      const rendered = await renderManifests({
        source: definition.manifests,
        files,
        pipelineFile: file,
        pipeline: definition.pipeline,
        namespace: definition.team,
        images,
        renderer: {
          render: async ({ request }) => {
            throw new Error(`the examples need no ${request.program}`);
          },
        },
        signal: new AbortController().signal,
      });
      expect('problems' in rendered ? formatProblems(rendered.problems) : '').toBe('');
      expect('text' in rendered && rendered.text).toContain('@sha256:9f3c');
    }
  });
});

describe('pipelineJsonSchema', () => {
  it('knows the parameters of each kind', () => {
    const text = JSON.stringify(pipelineJsonSchema(kinds));
    expect(text).toContain('"enum":["');
    expect(text).toContain('wait-for-callback');
    expect(text).toContain('"const":"wait"');
  });

  it('is whole without kinds too', () => {
    expect(pipelineJsonSchema()).toMatchObject({
      then: { type: 'object', required: ['template', 'version', 'owner', 'stages'], additionalProperties: false },
      else: { type: 'object', required: ['pipeline', 'stages'], additionalProperties: false },
    });
  });
});
