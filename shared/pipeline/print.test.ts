import fc from 'fast-check';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { definitionOf, planDefinition, published } from '../../test/support/language.ts';
import { seededRandom } from '../../test/support/random.ts';
import { canonicalJson } from './canonical.ts';
import { printDefinition } from './print.ts';

/** Written in parts, because a linter takes the whole for a template string. */
const bare = (cel: string): string => `\${{ ${cel} }}`;

const templates = published(`template: release
version: 1.4.2
owner: platform
inputs:
  text: { type: string, required: true }
  size: { type: number, default: 3 }
  more: { type: object, fields: { on: { type: boolean }, names: { type: list } } }
places: { after: { after: roll } }
outputs: { version: { value: "${bare('stages.roll.version')}" } }
stages:
  roll: { uses: roll, with: { image: "${bare('inputs.text')}", weight: "${bare('inputs.size')}" } }
  check: { needs: roll, uses: echo, if: "${bare('inputs.more.on || inputs.size > 2')}", with: { any: "${bare('inputs.more.names')}" } }
`);

const TEXTS = ['plain', '1.10', 'yes', '0x10', ' spaces ', '#no', 'a: b', '', 'two\nlines', 'é😀', '- x', '~'];
const TARGETS = ['jp', 'us', 'uk', 'dev'];

/** A pipeline of so many stages at most once it is planned, with most of what the language has. */
function generated(seed: number, size: number): object {
  const random = seededRandom(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const maybe = (chance: number): boolean => random() < chance;
  const stages: { [id: string]: object } = {};
  /** How the outputs of each stage so far can be named. */
  const texts = new Map<string, string>();
  let planned = 0;
  for (let index = 0; planned < size; index += 1) {
    const id = `s${index}`;
    const before = Object.keys(stages);
    const needs = before.length === 0 ? [] : [...new Set(Array.from({ length: below(4) }, () => pick(before)))];
    const [first] = needs;
    const text =
      first !== undefined && maybe(0.3)
        ? bare(texts.get(first) ?? '"none"')
        : maybe(0.3)
          ? bare('inputs.note')
          : pick(TEXTS);
    const common = {
      ...(needs.length === 0 ? {} : { needs: needs.length === 1 && maybe(0.5) ? first : needs }),
      ...(maybe(0.1) ? { if: maybe(0.5) ? bare('inputs.size > 1 && !inputs.dry') : maybe(0.5) } : {}),
      ...(maybe(0.2) ? { timeout: pick(['30s', '5m', '1h30m', '2d']) } : {}),
      ...(maybe(0.2) ? { retry: { attempts: 1 + below(5), 'back-off': '20s' } } : {}),
      ...(maybe(0.2) ? { 'on-failure': { then: pick(['fail', 'continue']), others: pick(['cancel', 'finish']) } } : {}),
    };
    const { timeout: _timeout, retry: _retry, ...ofTemplate } = common as { timeout?: string; retry?: object };
    const several = [...new Set([pick(TARGETS), pick(TARGETS)])];
    const last = several.at(-1) ?? 'jp';
    switch (below(4)) {
      case 0:
        stages[id] = {
          ...common,
          uses: 'echo',
          with: { text, count: below(9) / 2, any: { list: [text, null, true] } },
        };
        texts.set(id, `stages.${id}.text`);
        planned += 1;
        break;
      case 1:
        stages[id] = { ...common, uses: 'roll', target: pick(TARGETS), with: { image: text, labels: { note: text } } };
        texts.set(id, `stages.${id}.version`);
        planned += 1;
        break;
      case 2:
        stages[id] = {
          ...common,
          uses: 'roll',
          targets: { names: several, 'max-parallel': 1, 'fail-fast': maybe(0.5) },
          with: { image: `${text}-${bare('target.labels.region')}` },
        };
        texts.set(id, `stages.${id}.${last}.version`);
        planned += several.length;
        break;
      default:
        stages[id] = {
          ...ofTemplate,
          uses: pick(['release@1', 'release@^1.2.0']),
          target: last,
          with: { text, size: bare('inputs.size'), more: { on: maybe(0.5), names: [text] } },
          ...(maybe(0.3) ? { insert: { after: { mine: { uses: 'echo', with: { text } } } } } : {}),
          ...(maybe(0.3) ? { override: { check: { timeout: '7m', with: { count: 1 } } } } : {}),
        };
        texts.set(id, `stages.${id}.version`);
        planned += 3;
    }
  }
  return {
    pipeline: `p-${seed}`,
    team: 'items',
    inputs: {
      note: { type: 'string', default: pick(TEXTS) },
      size: { type: 'number', default: below(4) },
      dry: { type: 'boolean' },
    },
    images: { api: { repository: 'ghcr.io/acme/api', semver: '>=1.0.0' } },
    on: [{ push: 'api' }],
    concurrency: { group: bare('pipeline.name + "-" + string(inputs.size)'), limit: 1 + below(5) },
    notify: [{ slack: '#items', when: ['failed'] }, { pubsub: 'items-events' }],
    defaults: { timeout: '4h', retry: { attempts: 2 } },
    timeout: '30d',
    stages,
  };
}

it('parse, plan, print and parse give the same plan, for 200 pipelines of up to 300 stages', {
  timeout: 180_000,
}, () => {
  let largest = 0;
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 300 }), (seed, size) => {
      const text = stringify(generated(seed, size));
      const definition = definitionOf(text, templates);
      const plan = planDefinition(definition, { templates });
      largest = Math.max(largest, plan.stages.length);
      const again = definitionOf(printDefinition(definition), templates);
      expect(canonicalJson(again)).toBe(canonicalJson(definition));
      expect(canonicalJson(planDefinition(again, { templates }))).toBe(canonicalJson(plan));
    }),
    { numRuns: 200 },
  );
  expect(largest).toBeGreaterThan(250);
});
