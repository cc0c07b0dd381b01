/** The pipelines of a large company, and a burst of pushes among them. */
import { parsePipelines } from '../../shared/pipeline/parse.ts';
import type { Definition } from '../../shared/pipeline/schema.ts';
import type { Pipelines } from '../../shared/ports/pipelines.ts';
import type { StageKind } from '../../shared/stages/kind.ts';
import { triggerEntries } from '../../shared/triggers/keys.ts';
import { putPipeline } from '../support/put-pipeline.ts';
import { emptyKinds } from './pipelines.ts';

/** One takes every tag of its image; the others wait for releases, and let what is pushed here pass. */
const PIPELINES_OF_AN_IMAGE = 3;
const HOST = 'registry.example.com';
const EVERY = 10;
export const ENDS = 'succeeded';

export type BurstEvent = {
  /** As the sender names it. */
  readonly id: string;
  /** As the inbox does. */
  readonly eventId: string;
  readonly host: string;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
  /** The one pipeline that takes it. */
  readonly taker: string;
  /** What comes of it, sorted. */
  readonly verdicts: readonly string[];
  /** Delivered twice, as senders do that got no answer in time. */
  readonly isRepeated: boolean;
};

const nameOf = (index: number): string => `pipeline-${index}`;
const repositoryOf = (image: number): string => `team/service-${image}`;

/** `stage` is the one stage of each pipeline, which succeeds at once. */
const sampleFile = (stage: string): string => `
pipeline: sample
team: bench
images: { app: { repository: sample, tag: "*" } }
on: [{ push: app }]
concurrency: { limit: 100 }
stages: { only: ${stage} }
`;
/** Puts that are under way at once. */
const PUTS_AT_ONCE = 16;

/** Puts so many pipelines, each with one stage: of the kind `empty` where no other is given. */
export async function fillCompany(
  store: Pick<Pipelines, 'get' | 'change'>,
  pipelines: number,
  { stage = '{ uses: empty }', kinds = emptyKinds() }: { stage?: string; kinds?: ReadonlyMap<string, StageKind> } = {},
): Promise<void> {
  const parsed = parsePipelines({ file: 'bench.yaml', text: sampleFile(stage), kinds });
  const sample = 'pipelines' in parsed ? parsed.pipelines[0] : undefined;
  if (sample === undefined) throw new Error('the sample file has no pipeline');
  const next = Array.from({ length: pipelines }, (_, index) => index).values();
  await Promise.all(
    Array.from({ length: PUTS_AT_ONCE }, async () => {
      for (const index of next) await put(store, sample, index);
    }),
  );
}

async function put(store: Pick<Pipelines, 'get' | 'change'>, sample: Definition, index: number): Promise<void> {
  const image = Math.floor(index / PIPELINES_OF_AN_IMAGE);
  const tag = index % PIPELINES_OF_AN_IMAGE === 0 ? '*' : `release-${index % PIPELINES_OF_AN_IMAGE}-*`;
  const images = { app: { repository: `${HOST}/${repositoryOf(image)}`, tag } };
  const name = nameOf(index);
  const definition: Definition = { ...sample, pipeline: name, images };
  const common = { format: 1, name, team: 'bench', file: `${name}.yaml`, appliedAt: 0, generation: 1 } as const;
  await putPipeline(
    store,
    { ...common, definition: JSON.parse(JSON.stringify(definition)) },
    triggerEntries({ ...definition, on: definition.on ?? [] }),
  );
}

/** So many pushes, spread over the images of so many pipelines. `docker-distribution-` stands before their ids. */
export function burstOf(events: number, pipelines: number): readonly BurstEvent[] {
  const images = Math.floor(pipelines / PIPELINES_OF_AN_IMAGE);
  return Array.from({ length: events }, (_, index) => {
    const image = index % images;
    const id = `delivery-${String(index).padStart(6, '0')}`;
    return {
      id,
      eventId: `docker-distribution-${id}`,
      host: HOST,
      repository: repositoryOf(image),
      tag: `1.${Math.floor(index / images)}.${index}`,
      digest: `sha256:${index.toString(16).padStart(64, '0')}`,
      taker: nameOf(image * PIPELINES_OF_AN_IMAGE),
      verdicts: [...Array.from({ length: PIPELINES_OF_AN_IMAGE - 1 }, () => 'filtered'), 'started'],
      isRepeated: index % EVERY === 0,
    };
  });
}
