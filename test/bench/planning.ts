/** How fast pipelines are read and planned: all of a large installation from cold, and one of them again. */
import { readFileSync } from 'node:fs';
import type { PinnedImage } from '../../shared/core/plan.ts';
import { compile, planHash } from '../../shared/pipeline/compile.ts';
import { parsePipelines } from '../../shared/pipeline/parse.ts';
import type { Definition } from '../../shared/pipeline/schema.ts';
import { settle } from '../../shared/pipeline/settle.ts';
import { NO_TEMPLATES, type Template, type Templates, templatesOf } from '../../shared/pipeline/template.ts';
import { stageKinds } from '../../shared/stages/registry.ts';
import { atMost, type Effort, type Measure, measureOf, type Section } from './section.ts';

const PIPELINES = { full: 9_000, brief: 300 } as const;
const ROUNDS = { full: 200, brief: 20 } as const;
/** What all pipelines of a large installation may take together, in ms; in brief, their share of it. */
const ALL_WITHIN_MS = 30_000;
/** What planning one pipeline again may take, in ms. */
const ONE_WITHIN_MS = 20;
const LARGE_STAGES = 300;

const kinds = stageKinds();
const targets = ['jp', 'us', 'uk'].map((name) => ({ name, labels: { env: 'prod', region: name } }));
/** Written in parts, because a linter takes the whole for a template string. */
const expression = (cel: string): string => `'\${{ ${cel} }}'`;

export const language: Section = {
  name: 'language',
  about: 'reading and planning pipelines',
  needs: [],
  async run(effort) {
    const { measure, templates } = measureAll(effort);
    const typical = measureAgain('planning one again', typicalPipeline(1), templates, effort);
    const large = measureAgain(`planning one of ${LARGE_STAGES} stages again`, largePipeline(), templates, effort);
    return [...measure, ...typical, ...large];
  },
};

/** As many different pipelines as there are teams' services, each read and planned once, with nothing kept from before. */
function measureAll(effort: Effort): { measure: readonly Measure[]; templates: Templates } {
  const count = PIPELINES[effort];
  const texts = Array.from({ length: count }, (_, index) => typicalPipeline(index));
  const begin = performance.now();
  const templates = templatesOf(libraryTemplates());
  for (const text of texts) plan(parse(text, templates), templates);
  const tookMs = performance.now() - begin;
  const shareMs = (ALL_WITHIN_MS * count) / PIPELINES.full;
  return {
    templates,
    measure: [
      { name: `planning ${count} pipelines from cold`, value: tookMs, unit: 'ms' },
      { name: `  of the ${shareMs / 1000} s that it may take`, value: tookMs / shareMs, unit: '×', target: atMost(1) },
    ],
  };
}

function measureAgain(name: string, text: string, templates: Templates, effort: Effort): readonly Measure[] {
  const definition = parse(text, templates);
  const samples = Array.from({ length: ROUNDS[effort] }, () => {
    const begin = performance.now();
    plan(definition, templates);
    return performance.now() - begin;
  });
  const measured = measureOf(name, 'ms', samples);
  const ratio = measured.value / ONE_WITHIN_MS;
  return [
    measured,
    { name: `  of the ${ONE_WITHIN_MS} ms that it may take`, value: ratio, unit: '×', target: atMost(1) },
  ];
}

function parse(text: string, templates: Templates): Definition {
  const parsed = parsePipelines({ file: 'gennaker.yaml', text, kinds, templatesFor: () => templates });
  const [definition] = 'pipelines' in parsed ? parsed.pipelines : [];
  if (definition === undefined) throw new Error(`the benchmark's own pipeline is wrong: ${JSON.stringify(parsed)}`);
  return definition;
}

function plan(definition: Definition, templates: Templates): string {
  const settled = settle({ definition, templates, inputs: {} });
  const images = Object.entries(settled.images).map(([name, { repository }]): [string, PinnedImage] => [
    name,
    { repository, tag: '1.2.3', digest: `sha256:${'0'.repeat(64)}` },
  ]);
  const command = { definition: settled, kinds, templates, targets, images: Object.fromEntries(images) };
  return planHash(compile({ ...command, trigger: { text: 'image api:1.2.3 pushed' } }));
}

function libraryTemplates(): readonly Template[] {
  const file = new URL('../../templates/microservice/2.1.0.yaml', import.meta.url);
  const parsed = parsePipelines({
    file: 'microservice.yaml',
    text: readFileSync(file, 'utf8'),
    kinds,
    templatesFor: () => NO_TEMPLATES,
  });
  if ('problems' in parsed) throw new Error(`the library's own template is wrong: ${JSON.stringify(parsed.problems)}`);
  return parsed.templates;
}

/** A service in three targets, with checks before and after: fifteen lines, nine stages of the plan. */
function typicalPipeline(index: number): string {
  return `pipeline: service-${index}
team: team-${index % 100}
images: { api: { repository: ghcr.io/acme/service-${index}, semver: ">=1.0.0" } }
inputs: { soak: { type: string, default: 5m } }
on: [{ push: api }]
notify: [{ slack: "#team-${index % 100}", when: [failed] }]
stages:
  announce: { uses: webhook, with: { url: "https://hooks.example.com/service-${index}", body: ${expression('images.api')} } }
  first: { needs: announce, uses: microservice@2, target: jp, with: { image: ${expression('images.api')} } }
  soak: { needs: first, uses: wait, if: ${expression('stages.announce.status == 200')}, with: { for: 5m } }
  rest:
    needs: soak
    uses: microservice@2
    targets: { names: [us, uk], max-parallel: 1 }
    with: { image: ${expression('images.api')}, port: ${8000 + (index % 1000)}, replicas: { min: 2, max: 9 } }
    insert: { after_deploy: { check: { uses: webhook, with: { url: ${expression('"https://" + target.name + ".example.com"')} } } } }
  done: { needs: rest, uses: webhook, with: { url: "https://hooks.example.com/done", body: ${expression('stages.first.address')} } }
`;
}

function largePipeline(): string {
  const stages = Array.from({ length: LARGE_STAGES }, (_, index) => {
    if (index === 0) return '  s0: { uses: webhook, with: { url: "https://hooks.example.com" } }';
    const body = expression(`stages.s${index - 1}.body + "-" + pipeline.name`);
    return `  s${index}: { needs: s${index - 1}, uses: webhook, with: { url: "https://hooks.example.com", body: ${body} } }`;
  });
  return `pipeline: large\nstages:\n${stages.join('\n')}\n`;
}
