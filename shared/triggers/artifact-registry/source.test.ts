import { describe, expect, it } from 'vitest';
import { BadPayload } from '../source.ts';
import { artifactRegistry } from './source.ts';

const AT = Date.parse('2026-05-01T00:00:00Z');
const DIGEST = 'sha256:6ec128e26cd5e7a5a3fa1ba8b1a4b1a3c8c4a24b6c0a1e2b8e7f3f6b6ac3c5a1';
const IMAGE = 'us-east1-docker.pkg.dev/my-project/my-repo/hello-world';

const parse = (data: unknown, messageId = '1234567890') =>
  artifactRegistry.parse({
    message: { messageId, data: typeof data === 'string' ? data : JSON.stringify(data), attributes: {} },
    at: AT,
  });

describe('artifact-registry', () => {
  it('makes an event of an upload with a tag', () => {
    const { events } = parse({ action: 'INSERT', digest: `${IMAGE}@${DIGEST}`, tag: `${IMAGE}:1.1`, added_later: 1 });
    expect(events).toEqual([
      {
        id: 'artifact-registry-1234567890',
        type: 'image-pushed',
        source: 'artifact-registry',
        at: AT,
        text: 'image hello-world:1.1 pushed',
        image: { repository: IMAGE, tag: '1.1', digest: DIGEST },
      },
    ]);
  });

  it.each([
    ['an upload without a tag', { action: 'INSERT', digest: `${IMAGE}@${DIGEST}` }],
    ['a deleted tag', { action: 'DELETE', tag: `${IMAGE}:1.1` }],
    ['a deleted image', { action: 'DELETE', digest: `${IMAGE}@${DIGEST}` }],
  ])('ignores %s', (_what, data) => {
    expect(parse(data)).toEqual({ events: [], ignored: 1 });
  });

  it('tells messages by their id alone', () => {
    const data = { action: 'INSERT', tag: `${IMAGE}:1.1` };
    const id = (messageId: string) => parse(data, messageId).events[0]?.id;
    expect(id('1111111111')).toBe(id('1111111111'));
    expect(id('1111111111')).not.toBe(id('2222222222'));
  });

  it.each([
    ['not json', "the message's data is not JSON"],
    [{}, 'action: '],
    [{ action: 'INSERT', tag: 'no tag here' }, 'tag: '],
    [{ action: 'INSERT', tag: `${IMAGE}:1.1`, digest: `other.dev/a/b@${DIGEST}` }, 'digest: '],
  ])('refuses %j', (data, message) => {
    expect(() => parse(data)).toThrow(BadPayload);
    expect(() => parse(data)).toThrow(message);
  });
});
