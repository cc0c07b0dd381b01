/** What finding the triggers of one event costs among the pipelines of a large company: only what matches may be read. */
import { IN_MEMORY, openEmbedded } from '../../shared/adapters/embedded/index.ts';
import { systemClock } from '../../shared/adapters/system-clock.ts';
import { systemRandom } from '../../shared/adapters/system-random.ts';
import { parsePipelines } from '../../shared/pipeline/parse.ts';
import type { Definition } from '../../shared/pipeline/schema.ts';
import { triggerEntries } from '../../shared/triggers/keys.ts';
import type { ImagePushed } from '../../shared/triggers/source.ts';
import { documentParsers } from '../../shared/use-cases/documents.ts';
import { planReader } from '../../shared/use-cases/plans.ts';
import { startExecutions } from '../../shared/use-cases/start-executions.ts';
import { recordingLog } from '../support/execution-fixtures.ts';
import { withFaults } from '../support/faults.ts';
import { putPipeline } from '../support/put-pipeline.ts';
import { languageOf } from './language.ts';
import { emptyKinds } from './pipelines.ts';
import { atMost, type Effort, type Measure, measureOf, type Section } from './section.ts';
import { counting, emptyTally } from './tally.ts';

/** So many pipelines were said to run in one company's Spinnaker. */
const MANY = 9_000;
const FEW = 9;
/** Pipelines that deliver one image: the event's, and each of the others'. */
const PIPELINES_OF_AN_IMAGE = 3;
const MOST_TIMES = 1.5;
const EFFORTS = { full: { many: MANY, rounds: 60 }, brief: { many: 90, rounds: 3 } } as const;

const REPOSITORY = 'registry.example.com/team/service';
const DIGEST = `sha256:${'d'.repeat(64)}`;

const file = (name: string, repository: string): string => `
pipeline: ${name}
team: bench
images: { app: { repository: ${repository}, tag: "*" } }
on: [{ push: app }]
concurrency: { limit: 100 }
stages: { only: { uses: empty } }
`;

/** A database with so many pipelines, and what takes an event to its executions in it. */
async function openCompany(pipelines: number) {
  const common = { clock: systemClock, random: systemRandom, log: recordingLog() };
  const embedded = openEmbedded({ ...common, path: IN_MEMORY, parse: documentParsers });
  const [definition] = definitionsOf(file('sample', REPOSITORY));
  if (definition === undefined) throw new Error('the sample file has no pipeline');
  for (let index = 0; index < pipelines; index += 1) {
    const name = `pipeline-${index}`;
    const repository = `${REPOSITORY}-${Math.floor(index / PIPELINES_OF_AN_IMAGE)}`;
    const own: Definition = { ...definition, pipeline: name, images: { app: { repository, tag: '*' } } };
    const pipeline = { format: 1, name, team: 'bench', file: `${name}.yaml`, appliedAt: 0, generation: 1 } as const;
    const stored = JSON.parse(JSON.stringify(own));
    await putPipeline(
      embedded.pipelines,
      { ...pipeline, definition: stored },
      triggerEntries({ ...own, on: own.on ?? [] }),
    );
  }
  const tally = emptyTally();
  let entries = 0;
  const counted = withFaults(embedded, counting(tally)).ports;
  const found = {
    get: counted.pipelines.get.bind(counted.pipelines),
    list: counted.pipelines.list.bind(counted.pipelines),
    change: counted.pipelines.change.bind(counted.pipelines),
    async triggers(query: { key: string }) {
      const matching = await counted.pipelines.triggers(query);
      entries += matching.length;
      return matching;
    },
  };
  const resolver = { resolve: async () => ({ digest: DIGEST }) };
  const ports = {
    ...common,
    ...counted,
    ...languageOf(embedded),
    pipelines: found,
    plans: planReader(counted.blobs),
    resolver,
  };
  return {
    tally,
    entries: () => entries,
    /** Takes one push of the newest image. Returns how long it took, in ms, and how many executions it started. */
    async push(): Promise<{ tookMs: number; started: number }> {
      const image = Math.floor((pipelines - 1) / PIPELINES_OF_AN_IMAGE);
      const event: ImagePushed = {
        id: `push-${systemRandom.id()}`,
        type: 'image-pushed',
        source: 'docker-distribution',
        at: systemClock.now(),
        text: 'an image was pushed',
        image: { repository: `${REPOSITORY}-${image}`, tag: '1.0.0', digest: DIGEST },
      };
      const startedAt = performance.now();
      const verdicts = await startExecutions(ports, event);
      return { tookMs: performance.now() - startedAt, started: verdicts.filter(({ is }) => is !== 'failed').length };
    },
    close: () => embedded.close(),
  };
}

function definitionsOf(text: string): readonly Definition[] {
  const parsed = parsePipelines({ file: 'bench.yaml', text, kinds: emptyKinds() });
  if ('pipelines' in parsed) return parsed.pipelines;
  throw new Error(parsed.problems.map(({ message }) => message).join('; '));
}

async function run(effort: Effort): Promise<readonly Measure[]> {
  const { many, rounds } = EFFORTS[effort];
  const large = await openCompany(many);
  const small = await openCompany(FEW);
  try {
    const largeMs: number[] = [];
    const ratios: number[] = [];
    let started = 0;
    for (let round = 0; round < rounds; round += 1) {
      const one = await large.push();
      const other = await small.push();
      started += one.started;
      largeMs.push(one.tookMs);
      ratios.push(one.tookMs / other.tookMs);
    }
    const perEvent = (count: number): number => count / rounds;
    const { others } = large.tally;
    if (started !== rounds * PIPELINES_OF_AN_IMAGE) throw new Error(`${rounds} events started ${started} executions`);
    const matching = PIPELINES_OF_AN_IMAGE;
    return [
      { name: 'trigger entries read', unit: 'entries', value: perEvent(large.entries()), target: atMost(matching) },
      {
        name: 'pipelines read',
        unit: 'pipelines',
        value: perEvent(others.get('pipelines.get') ?? 0),
        target: atMost(matching),
      },
      { name: 'lists of pipelines read', unit: 'lists', value: others.get('pipelines.list') ?? 0, target: atMost(0) },
      measureOf(`an event among ${many} pipelines`, 'ms', largeMs),
      measureOf(`among ${many} to among ${FEW}`, '×', ratios, atMost(MOST_TIMES)),
    ];
  } finally {
    await large.close();
    await small.close();
  }
}

export const matching: Section = { name: 'matching', about: 'one event among many pipelines', needs: [], run };
