import { describe, expect, it } from 'vitest';
import { BadPayload, type SourceRequest } from '../source.ts';
import { dockerDistribution } from './source.ts';

const NO_REQUEST = { headers: {}, rawBody: new Uint8Array(), pathSecret: '' };

const AT = Date.parse('2026-05-01T00:00:00Z');
const DIGEST = `sha256:${'9f3c'.repeat(16)}`;

/** As the documentation of distribution shows it, with a field that no release has yet. */
function event(changes: { action?: string; id?: string; target?: object; host?: string } = {}) {
  return {
    id: changes.id ?? '320678d8-ca14-430f-8bb6-4ca139cd83f7',
    timestamp: '2016-03-09T14:44:26.402973972-08:00',
    action: changes.action ?? 'push',
    target: {
      mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
      size: 708,
      digest: DIGEST,
      length: 708,
      repository: 'hello-world',
      url: 'http://192.168.100.227:5000/v2/hello-world/manifests/sha256:fea8895f450959fa676bcc1df0611ea93823a735a01205fd8622846041d0c7cf',
      tag: 'latest',
      ...changes.target,
    },
    request: {
      id: '6df24a34-0959-4923-81ca-14f09767db19',
      addr: '192.168.64.11:42961',
      host: changes.host ?? '192.168.100.227:5000',
      method: 'PUT',
      useragent: 'curl/7.38.0',
    },
    actor: {},
    source: { addr: 'xtal.local:5000', instanceID: 'a53db899-3b4b-4a62-a067-8dd013beaca4' },
    addedLater: { by: 'a newer release' },
  };
}

const source = dockerDistribution();
const request = (headers: SourceRequest['headers']): SourceRequest => ({
  headers,
  rawBody: new Uint8Array(),
  pathSecret: '',
});

describe('docker-distribution', () => {
  it('makes one event of a pushed tag', () => {
    expect(source.parse({ body: { events: [event()] }, at: AT, request: NO_REQUEST })).toEqual({
      events: [
        {
          id: 'docker-distribution-320678d8-ca14-430f-8bb6-4ca139cd83f7',
          type: 'image-pushed',
          source: 'docker-distribution',
          at: AT,
          text: 'image hello-world:latest pushed',
          image: { repository: '192.168.100.227:5000/hello-world', tag: 'latest', digest: DIGEST },
        },
      ],
      ignored: 0,
    });
  });

  it('takes manifests and indexes with a tag out of a batch, and leaves the rest', () => {
    const index = { mediaType: 'application/vnd.oci.image.index.v1+json', tag: '1.2.3' };
    const events = [
      event({ id: 'layer-of-the-image', target: { mediaType: 'application/octet-stream', tag: undefined } }),
      event({ id: 'config-of-the-image', target: { mediaType: 'application/vnd.oci.image.config.v1+json' } }),
      event({ id: 'manifest-by-digest', target: { tag: undefined } }),
      event({ id: 'pull-of-a-manifest', action: 'pull' }),
      event({ id: 'deleted-manifest', action: 'delete', target: { mediaType: undefined } }),
      event({ id: 'the-image-itself' }),
      event({ id: 'an-index-with-a-tag', target: index }),
    ];
    const parsed = source.parse({ body: { events }, at: AT, request: NO_REQUEST });
    expect(parsed.events.map(({ id }) => id)).toEqual([
      'docker-distribution-the-image-itself',
      'docker-distribution-an-index-with-a-tag',
    ]);
    expect(parsed.ignored).toBe(5);
  });

  it('gives a redelivery the same ids, and another push of the same tag another one', () => {
    const ids = (id: string) =>
      source
        .parse({ body: { events: [event({ id })] }, at: Date.now(), request: NO_REQUEST })
        .events.map((one) => one.id);
    expect(ids('first-push')).toEqual(ids('first-push'));
    expect(ids('first-push')).not.toEqual(ids('other-push'));
    expect(ids('../strange id')[0]).toMatch(/^docker-distribution-[0-9a-f]{40}$/);
  });

  it('names the registry as people know it', () => {
    const named = dockerDistribution({
      hosts: { '127.0.0.1:5000': 'registry.example.com', '*': 'mirror.example.com' },
    });
    const repository = (host: string) =>
      named
        .parse({ body: { events: [event({ host })] }, at: AT, request: NO_REQUEST })
        .events.map((one) => (one.type === 'image-pushed' ? one.image.repository : ''));
    expect(repository('127.0.0.1:5000')).toEqual(['registry.example.com/hello-world']);
    expect(repository('10.0.0.1')).toEqual(['mirror.example.com/hello-world']);
  });

  it.each([
    [null, 'the body'],
    [{}, 'events'],
    [{ events: [{ action: 'push' }] }, 'events[0].id'],
    [{ events: Array.from({ length: 501 }, () => event()) }, 'events'],
  ])('refuses a body that is not what its type says, naming the place', (body, place) => {
    expect(() => source.parse({ body, at: AT, request: NO_REQUEST })).toThrow(BadPayload);
    expect(() => source.parse({ body, at: AT, request: NO_REQUEST })).toThrow(
      `reading a docker-distribution payload: ${place}: `,
    );
  });

  it('takes the right secret only', () => {
    expect(source.verify(request({ authorization: 'Bearer right' }), 'right')).toBe('ok');
    for (const authorization of ['Bearer wrong', 'right', 'Bearer right ', '', undefined]) {
      expect(source.verify(request({ authorization }), 'right')).toHaveProperty('refused');
    }
    expect(source.verify(request({ authorization: 'Bearer ' }), undefined)).toHaveProperty('refused');
    expect(source.verify(request({ authorization: 'Bearer ' }), '')).toHaveProperty('refused');
  });
});
