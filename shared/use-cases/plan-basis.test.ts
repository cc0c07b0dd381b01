import { describe, expect, it } from 'vitest';
import { changesSince, type PlanBasis } from './plan-basis.ts';

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const basis: PlanBasis = {
  pipeline: 'items-api',
  definition: digest('d'),
  files: digest('f'),
  generation: 2,
  templates: { microservice: '2.0.0' },
  images: { api: { repository: 'ghcr.io/acme/items', tag: '1.3.0', digest: digest('a') } },
  inputs: { replicas: 3 },
  manifests: digest('e'),
  plan: digest('b'),
};

describe('what a plan rests on', () => {
  it('holds while nothing of it changes, in whatever order it is written', () => {
    const copy = Object.fromEntries(Object.entries(structuredClone(basis)).reverse());
    expect(changesSince(basis, copy as PlanBasis)).toEqual([]);
  });

  it.each<[string, Partial<PlanBasis>, string]>([
    ['another change', { generation: 3 }, 'items-api was changed since: it was at generation 2, and is at 3.'],
    ['a removal', { generation: 0 }, 'items-api was removed since.'],
    ['a definition that was edited', { definition: digest('0') }, 'in the plan is not what was planned'],
    ['files that were edited', { files: digest('0') }, 'files beside items-api in the plan are not'],
    ['a template', { templates: { microservice: '2.1.0' } }, 'microservice was 2.0.0, and is 2.1.0.'],
    ['a template that is gone', { templates: {} }, 'microservice was 2.0.0, and is not used any more.'],
    ['inputs', { inputs: { replicas: 4 } }, 'The inputs are not those of the plan.'],
    ['a rendering', { manifests: digest('0') }, 'The manifests of items-api are rendered differently now.'],
    ['something else', { plan: digest('0') }, 'sha256:bbbbbbbb… then, sha256:00000000… now'],
  ])('says what changed: %s', (_, change, sentence) => {
    const found = changesSince(basis, { ...basis, ...change });
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(sentence);
  });

  it('notices a tag that moved, and says nothing of what follows from it', () => {
    const images = { api: { repository: 'ghcr.io/acme/items', tag: '1.3.0', digest: digest('9') } };
    expect(changesSince(basis, { ...basis, images, manifests: digest('0'), plan: digest('1') })).toEqual([
      'The image api was 1.3.0 (sha256:aaaaaaaa…), and is 1.3.0 (sha256:99999999…).',
    ]);
  });

  it('notices a pipeline that somebody created meanwhile', () => {
    expect(changesSince({ ...basis, generation: 0 }, { ...basis, generation: 1 })[0]).toContain('was created since');
  });
});
