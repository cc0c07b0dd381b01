/** What triggers ask of events: each filter with the values that it compared. */
import { describe, expect, it } from 'vitest';
import { parsePipelines } from '../pipeline/parse.ts';
import { formatProblems } from '../pipeline/problem.ts';
import { settle } from '../pipeline/settle.ts';
import { NO_TEMPLATES } from '../pipeline/template.ts';
import { stageKinds } from '../stages/registry.ts';
import { matchesPattern } from './condition.ts';
import { contentOf } from './content.ts';
import { keysOf, triggerEntries } from './keys.ts';
import { conditionsOf, imagesOfEvent, triggerData } from './matching.ts';
import type { SourceEvent } from './source.ts';

const COMMIT = '59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5';
const DIGEST = `sha256:${'a1'.repeat(32)}`;
const STAGES = '\nstages: { pause: { uses: wait, with: { for: 1s } } }\n';

function parsed(text: string) {
  return parsePipelines({ file: 'gennaker.yaml', text: `pipeline: example\n${text}${STAGES}`, kinds: stageKinds() });
}
function settled(text: string) {
  const result = parsed(text);
  const [definition] = 'pipelines' in result ? result.pipelines : [];
  if (definition === undefined) throw new Error('problems' in result ? formatProblems(result.problems) : 'no pipeline');
  return settle({ definition, templates: NO_TEMPLATES, inputs: {}, isOpen: true });
}
const problems = (text: string): string => {
  const result = parsed(text);
  return 'problems' in result ? formatProblems(result.problems) : '';
};
const push = (commit: object): SourceEvent => ({
  id: 'github-00000001',
  type: 'commit-pushed',
  source: 'github',
  at: 1,
  text: 'a push',
  commit: { repository: 'github.com/acme/items', ref: 'refs/heads/main', after: COMMIT, ...commit },
});
const message = (data: string, attributes = {}): SourceEvent => ({
  id: 'pubsub-00000001',
  type: 'message-arrived',
  source: 'pubsub',
  at: 1,
  text: 'a message',
  message: { id: '1', subscription: 'releases', data, attributes },
});

describe('patterns', () => {
  it.each([
    ['main', 'main', true],
    ['release/*', 'release/1', true],
    ['release/*', 'release/1/2', false],
    ['**', 'a/b', true],
    ['**/*.md', 'README.md', true],
    ['services/items/**', 'services/items/a/b.go', true],
    ['services/items/**', 'services/items-old/a', false],
    ['v?', 'v1', true],
    ['v.1', 'va1', false],
  ])('%s and %s: %s', (pattern, text, expected) => {
    expect(matchesPattern(pattern, text)).toBe(expected);
  });
});

describe('a push to Git', () => {
  const definition = settled(
    'on: [{ git: { repository: "https://github.com/Acme/items.git", branches: [main], paths: ["src/**"], paths-ignore: ["**/*.md"], authors: ["*@acme.test"] } }]',
  );
  const unmet = (commit: object) => conditionsOf(definition, 0, push(commit)).filter(({ met }) => !met);

  it('finds its trigger by repository and event', () => {
    expect(triggerEntries(definition).map(({ key }) => key)).toEqual(keysOf(push({})));
    expect(keysOf(push({ ref: 'refs/tags/v1' }))).toEqual(['git:tag:github.com/acme/items']);
    expect(keysOf(push({ after: undefined }))).toEqual([]);
  });

  it.each([
    ['all that is asked', { paths: ['src/a.ts'], authors: ['aki@acme.test'] }, []],
    ['paths and authors that are not told in full', {}, []],
    ['another branch', { ref: 'refs/heads/dev' }, ['branches']],
    ['other paths', { paths: ['docs/a.ts'] }, ['paths']],
    ['paths that do not count', { paths: ['src/a.md'] }, ['paths']],
    ['another author', { authors: ['mallory@example.com'] }, ['authors']],
  ])('with %s', (_, commit, expected) => {
    expect(unmet(commit).map(({ condition }) => condition)).toEqual(expected);
  });

  it('tells what was wanted and what it had', () => {
    expect(unmet({ ref: 'refs/heads/dev' })).toMatchObject([
      { condition: 'branches', wanted: 'main', got: 'dev', met: false, text: 'branches must be main, not dev' },
    ]);
  });
});

describe('a message', () => {
  const image = 'images: { api: { repository: ghcr.io/acme/app, semver: ">=1.0.0" } }\n';

  it('is compared with what it names', () => {
    const definition = settled("on: [{ pubsub: { subscription: releases, where: 'data.size > 3 && has(data.tag)' } }]");
    expect(conditionsOf(definition, 0, message('{"size":4,"tag":"x"}'))).toMatchObject([{ met: true }]);
    expect(conditionsOf(definition, 0, message('{"size":1}'))).toMatchObject([
      { condition: 'where', met: false, got: 'data.size is 1, data.tag is not there' },
    ]);
    expect(conditionsOf(definition, 0, message('no json'))).toMatchObject([{ condition: 'format', met: false }]);
  });

  it('of CDEvents is a push of the image that was published', () => {
    const definition = settled(`${image}on: [{ pubsub: { subscription: releases, format: cdevents, image: api } }]`);
    const published = (tag: string, type = 'dev.cdevents.artifact.published.0.2.0') => {
      const id = `pkg:oci/app@${encodeURIComponent(DIGEST)}?repository_url=ghcr.io/acme/app&tag=${tag}`;
      const context = {
        specversion: '0.5.1',
        id: '271069a8',
        source: '/builds',
        type,
        timestamp: '2023-03-20T14:27:05Z',
      };
      return message(JSON.stringify({ context, subject: { id, source: '/builds', type: 'artifact', content: {} } }));
    };
    expect(conditionsOf(definition, 0, published('1.2.3')).every(({ met }) => met)).toBe(true);
    const pinned = { api: { repository: 'ghcr.io/acme/app', tag: '1.2.3', digest: DIGEST } };
    expect(imagesOfEvent(definition, 0, published('1.2.3'))).toEqual(pinned);
    expect(triggerData(definition, 0, published('1.2.3'))).toMatchObject({ image: { name: 'app', tag: '1.2.3' } });
    const refused = (event: SourceEvent) => conditionsOf(definition, 0, event).filter(({ met }) => !met);
    expect(refused(published('0.1.0'))).toMatchObject([{ condition: 'semver', got: '0.1.0' }]);
    expect(refused(published('1.2.3', 'dev.cdevents.artifact.signed.0.2.0'))).toMatchObject([{ condition: 'image' }]);
  });

  it('as a CloudEvent has its data and its fields', () => {
    const event = { specversion: '1.0', id: '1', source: '/a', type: 'com.example.x', data: { tag: '1' }, more: 'y' };
    expect(contentOf('cloudevents', JSON.stringify(event))).toEqual({
      data: { tag: '1' },
      attributes: {
        'ce-specversion': '1.0',
        'ce-id': '1',
        'ce-source': '/a',
        'ce-type': 'com.example.x',
        'ce-more': 'y',
      },
    });
    expect(contentOf('cloudevents', '{"tag":"1"}')).toEqual({ problem: 'the content is no CloudEvent' });
  });
});

describe('what is wrong with a trigger is told', () => {
  it.each([
    ['on: [{ git: { repository: "acme/items" } }]', 'must be the URL of a repository'],
    ['on: [{ git: { repository: "https://github.com/acme/items", tags: [v1] } }]', 'has no meaning for event: push'],
    ['on: [{ build: { source: jenkins } }]', 'which needs job'],
    ['on: [{ pubsub: { subscription: a, where: string(data.size) } }]', 'must give true or false'],
    ['on: [{ pubsub: { subscription: a, where: dat.size == 1 } }]', 'did you mean "data"'],
    ['on: [{ pubsub: { subscription: a, image: api } }]', 'needs a tag beside the name'],
    ['on: [{ pubsub: { subscription: a, format: cdevents, image: api } }]', 'no such image under images'],
    ['on: [{ storage: { bucket: acme }, with: { sha: x } }]', 'is not an input'],
    [
      `inputs: { size: { type: number } }\non: [{ storage: { bucket: acme }, with: { size: "\${{ trigger.object.name }}" } }]`,
      'gives text; a number is wanted here',
    ],
    [
      `inputs: { sha: { type: string } }\non: [{ storage: { bucket: acme }, with: { sha: "\${{ trigger.commit }}" } }]`,
      'trigger has no "commit"',
    ],
  ])('%s', (text, expected) => {
    expect(problems(text)).toContain(expected);
  });
});
