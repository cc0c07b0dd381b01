import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../core/json.ts';
import type { PinnedImage } from '../core/plan.ts';
import type { StageKind } from '../stages/kind.ts';
import { stageKinds } from '../stages/registry.ts';
import { canonicalJson } from './canonical.ts';
import { compile, planHash } from './compile.ts';
import { checkedDurationMs } from './duration.ts';
import { type Definition, definitionSchema } from './schema.ts';
import { settle } from './settle.ts';
import { NO_TEMPLATES } from './template.ts';

const API: PinnedImage = { repository: 'pkg.dev/a/b', tag: '1.2.3', digest: `sha256:${'0'.repeat(64)}` };
const STAGE = { uses: 'deploy', target: 'jp', with: {} };

function define(stages: object, rest: object = {}): Definition {
  return definitionSchema.parse({ pipeline: 'items-api', stages, ...rest });
}
const kinds: ReadonlyMap<string, StageKind> = stageKinds();
type Given = { images?: { [name: string]: PinnedImage }; inputs?: JsonObject; manifests?: string };
const plan = (definition: Definition, { inputs = {}, images = {}, ...rest }: Given = {}) =>
  compile({
    definition: settle({ definition, templates: NO_TEMPLATES, inputs }),
    kinds,
    templates: NO_TEMPLATES,
    targets: undefined,
    images,
    trigger: {},
    ...rest,
  });

describe('compile', () => {
  it('makes a whole plan, with the defaults of the language', () => {
    const definition = define(
      { pause: { uses: 'wait', with: { for: '10m' } } },
      {
        images: { api: { repository: 'pkg.dev/a/b', tag: '*' } },
        notify: [{ slack: '#a' }, { pubsub: 'events' }],
        team: 'items',
        inputs: { size: { type: 'number', default: 1 }, tier: { type: 'string', default: 'web' } },
      },
    );
    const manifests = `sha256:${'1'.repeat(64)}`;
    expect(plan(definition, { images: { api: API, other: API }, inputs: { size: 3 }, manifests })).toEqual({
      format: 1,
      pipeline: 'items-api',
      team: 'items',
      namespace: 'items',
      images: { api: API },
      inputs: { size: 3, tier: 'web' },
      stages: [
        {
          id: 'pause',
          declaredAs: 'pause',
          kind: 'wait',
          needs: [],
          with: { for: '10m' },
          timeoutMs: 3_600_000,
          retry: { attempts: 1, backOffMs: 10_000, maximumBackOffMs: 300_000 },
          onFailure: { then: 'fail', others: 'cancel' },
        },
      ],
      concurrency: { group: 'items-api', limit: 1, whenBusy: 'newest' },
      timeoutMs: 86_400_000,
      notify: [{ slack: '#a', when: ['started', 'waiting', 'succeeded', 'failed', 'cancelled'] }, { pubsub: 'events' }],
      manifests,
    });
  });

  it('makes one stage of each target, and what needs them needs all', () => {
    const stages = plan(
      define({
        last: { ...STAGE, needs: ['both', 'one'] },
        both: { uses: 'deploy', needs: 'one', targets: ['us', 'uk'] },
        one: { uses: 'deploy', targets: ['jp'] },
      }),
    ).stages;
    expect(stages.map(({ id, declaredAs, target, needs }) => ({ id, declaredAs, target, needs }))).toEqual([
      { id: 'one', declaredAs: 'one', target: 'jp', needs: [] },
      { id: 'both-us', declaredAs: 'both', target: 'us', needs: ['one'] },
      { id: 'both-uk', declaredAs: 'both', target: 'uk', needs: ['one'] },
      { id: 'last', declaredAs: 'last', target: 'jp', needs: ['both-us', 'both-uk', 'one'] },
    ]);
  });

  it('takes what a stage says, then the defaults of the pipeline, then those of the language', () => {
    const defaults = { timeout: '5m', retry: { attempts: 4 }, 'on-failure': { others: 'finish' } };
    const own = { timeout: '7m', retry: { 'back-off': '1m' }, 'on-failure': { then: 'continue' }, if: false };
    const [first, second] = plan(define({ a: STAGE, b: { ...STAGE, ...own } }, { defaults })).stages;
    expect(first).toMatchObject({
      timeoutMs: 300_000,
      retry: { attempts: 4, backOffMs: 10_000 },
      onFailure: { then: 'fail', others: 'finish' },
    });
    expect(first).not.toHaveProperty('skip');
    expect(second).toMatchObject({
      timeoutMs: 420_000,
      retry: { attempts: 4, backOffMs: 60_000 },
      onFailure: { then: 'continue', others: 'finish' },
      skip: 'its condition "if" is false',
    });
  });

  it.each([
    ['approve', { within: '24h' }, '24h'],
    ['approve', { within: '24h', instructions: `Look at \${{ stages.a.until }}` }, '24h'],
    ['webhook', { url: 'https://a.example/', poll: { within: '3h', 'done-if': 'true' } }, '3h'],
    ['webhook', { url: 'https://a.example/', 'wait-for-callback': true, 'callback-within': '2h' }, '2h'],
    ['pipeline', { pipeline: 'items-db' }, '24h'],
    ['pipeline', { pipeline: 'items-db', wait: false }, '10m'],
  ])('leaves a stage the time that its parameters ask for: %s %o', (uses, given, longest) => {
    const stages = { a: { uses: 'wait', with: { for: '1s' } }, b: { uses, needs: 'a', with: given } };
    const [, stage] = plan(define(stages)).stages;
    expect(stage?.timeoutMs).toBeGreaterThan(checkedDurationMs(longest));
    expect(stage?.timeoutMs).toBeLessThanOrEqual(checkedDurationMs(longest) + checkedDurationMs('1h'));
  });

  it('refuses what was never checked', () => {
    expect(() => plan(define({ a: { ...STAGE, needs: 'b' } }))).toThrow('stages.a  needs "b", which is no stage');
    expect(() => plan(define({ a: { ...STAGE, needs: 'b' }, b: { ...STAGE, needs: 'a' } }))).toThrow(
      'which needs it in turn',
    );
    expect(() => plan(define({ a: { uses: 'deploy' } }))).toThrow('stages.a  uses deploy, which needs a target');
    expect(() => plan(define({ a: { uses: 'teleport' } }))).toThrow('uses "teleport", which this installation');
    expect(() => plan(define({ a: { uses: 'wait', with: { for: '1' } } }))).toThrow('must be a duration');
    const images = { api: { repository: 'pkg.dev/a/b', tag: '*' } };
    expect(() => plan(define({ a: STAGE }, { images }))).toThrow('the image "api" is not pinned');
    expect(() => plan(define({ a: STAGE }, { images: { constructor: images.api } }))).toThrow(
      '"constructor" is not pinned',
    );
  });

  it('puts every stage after those that it needs', () => {
    const graph = fc.array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(graph, fc.nat(), (edges, turn) => {
        const ids = edges.map((_, index) => `s${index}`);
        const declared = ids.map((id, index) => {
          const needs = index === 0 ? [] : [...new Set((edges[index] ?? []).map((edge) => `s${edge % index}`))];
          return [id, { uses: 'deploy', needs, targets: index % 3 === 0 ? ['jp', 'us'] : ['jp'] }] as const;
        });
        const shift = turn % declared.length;
        const turned = [...declared.slice(shift), ...declared.slice(0, shift)];
        const { stages } = plan(define(Object.fromEntries(turned)));
        const seen = new Set<string>();
        for (const stage of stages) {
          expect(stage.needs.every((need) => seen.has(need))).toBe(true);
          seen.add(stage.id);
        }
        expect(seen.size).toBe(stages.length);
      }),
    );
  });
});

describe('planHash', () => {
  it('is the same for equal plans and another for others', () => {
    const one = plan(define({ a: STAGE }));
    expect(planHash(one)).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(planHash(JSON.parse(JSON.stringify(one)))).toBe(planHash(one));
    expect(planHash({ ...one, inputs: { size: 4 } })).not.toBe(planHash(one));
  });

  it('does not see the order of keys, and sees every value', () => {
    expect(canonicalJson({ b: [1, { d: null, c: 'x' }], a: undefined })).toBe('{"b":[1,{"c":"x","d":null}]}');
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});
