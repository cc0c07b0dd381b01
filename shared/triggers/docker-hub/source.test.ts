import { describe, expect, it } from 'vitest';
import { BadPayload } from '../source.ts';
import { dockerHub } from './source.ts';

const NO_REQUEST = { headers: {}, rawBody: new Uint8Array(), pathSecret: '' };

const AT = Date.parse('2026-05-01T00:00:00Z');

/** As Docker's documentation shows it, with a field that it does not. */
function payload(repoName = 'svendowideit/testhook', push: object = {}) {
  return {
    callback_url:
      'https://registry.hub.docker.com/u/svendowideit/testhook/hook/2141b5bi5i5b02bec211i4eeih0242eg11000a/',
    push_data: { pushed_at: 1417566161, pusher: 'trustedbuilder', tag: 'latest', ...push },
    repository: {
      comment_count: 0,
      date_created: 1417494799,
      description: '',
      is_official: false,
      is_private: true,
      is_trusted: true,
      name: 'testhook',
      namespace: 'svendowideit',
      owner: 'svendowideit',
      repo_name: repoName,
      repo_url: 'https://registry.hub.docker.com/u/svendowideit/testhook/',
      star_count: 0,
      status: 'Active',
    },
    added_later: true,
  };
}

const parse = (body: unknown) => dockerHub.parse({ body, at: AT, request: NO_REQUEST }).events;
const request = (pathSecret: string) => ({ headers: {}, rawBody: new Uint8Array(), pathSecret });

describe('docker-hub', () => {
  it('makes an event without a digest', () => {
    expect(parse(payload())).toEqual([
      {
        id: expect.stringMatching(/^docker-hub-[0-9a-f]{40}$/),
        type: 'image-pushed',
        source: 'docker-hub',
        at: AT,
        text: 'image testhook:latest pushed',
        image: { repository: 'docker.io/svendowideit/testhook', tag: 'latest' },
      },
    ]);
  });

  it('writes the names of official images out', () => {
    expect(parse(payload('nginx'))).toMatchObject([{ image: { repository: 'docker.io/library/nginx' } }]);
  });

  it('gives the same delivery the same id, and a later push of the same tag another', () => {
    expect(parse(payload())).toEqual(parse(payload()));
    expect(parse(payload())[0]?.id).not.toBe(parse(payload(undefined, { pushed_at: 1417566162 }))[0]?.id);
  });

  it.each([
    [[], 'the body'],
    [{ repository: { repo_name: 'a/b' } }, 'push_data'],
    [payload('a/b', { tag: 'not a tag' }), 'push_data.tag'],
    [payload('a/b', { pushed_at: 'yesterday' }), 'push_data.pushed_at'],
  ])('refuses a body that is not what it says, naming the place', (body, place) => {
    expect(() => parse(body)).toThrow(BadPayload);
    expect(() => parse(body)).toThrow(`reading a docker-hub payload: ${place}: `);
  });

  it('takes the right secret in the path only', () => {
    expect(dockerHub.verify(request('right'), 'right')).toBe('ok');
    for (const given of ['wrong', '']) expect(dockerHub.verify(request(given), 'right')).toHaveProperty('refused');
    expect(dockerHub.verify(request(''), '')).toHaveProperty('refused');
    expect(dockerHub.verify(request(''), undefined)).toHaveProperty('refused');
  });
});
