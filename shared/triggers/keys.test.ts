import { expect, it } from 'vitest';
import { definitionSchema } from '../pipeline/schema.ts';
import { settle } from '../pipeline/settle.ts';
import { NO_TEMPLATES } from '../pipeline/template.ts';
import { dockerHub } from './docker-hub/source.ts';
import { keysOf, triggerEntries } from './keys.ts';

it('an event finds the triggers of its image, however the image is spelled', () => {
  const definition = definitionSchema.parse({
    pipeline: 'web',
    images: { site: { repository: 'nginx', tag: '*' }, api: { repository: 'pkg.dev/a/b', tag: '*' } },
    on: [{ push: 'api' }, { push: 'site' }],
    stages: { pause: { uses: 'wait', with: { for: '1s' } } },
  });
  expect(triggerEntries(settle({ definition, templates: NO_TEMPLATES, inputs: {} }))).toEqual([
    { key: 'image:pkg.dev/a/b', pipeline: 'web', index: 0 },
    { key: 'image:docker.io/library/nginx', pipeline: 'web', index: 1 },
  ]);
  const body = { push_data: { pushed_at: 1, tag: 'latest' }, repository: { repo_name: 'library/nginx' } };
  const [event] = dockerHub.parse({
    body,
    at: 0,
    request: { headers: {}, rawBody: new Uint8Array(), pathSecret: '' },
  }).events;
  expect(event === undefined ? [] : keysOf(event)).toEqual(['image:docker.io/library/nginx']);
});

it('a schedule keeps its key while its times stay the same, and has one of its own beside another of the same times', () => {
  const keys = (...on: object[]) =>
    triggerEntries(
      settle({
        definition: definitionSchema.parse({
          pipeline: 'nightly',
          inputs: { scope: { type: 'string', default: 'all' } },
          on,
          stages: { pause: { uses: 'wait', with: { for: '1s' } } },
        }),
        templates: NO_TEMPLATES,
        inputs: {},
      }),
    ).map(({ key }) => key);
  const daily = { cron: '@daily' };
  const [first = '', second = ''] = keys({ ...daily, with: { scope: 'a' } }, { ...daily, with: { scope: 'b' } });
  expect(first).not.toBe(second);
  expect(keys(daily)).toEqual([first]);
  expect(keys({ ...daily, with: { scope: 'c' } }, { cron: '@hourly' }, { ...daily, with: { scope: 'd' } })).toEqual([
    first,
    expect.not.stringMatching(first),
    second,
  ]);
  expect(keys({ ...daily, timezone: 'Asia/Tokyo' })).not.toContain(first);
});
