import { expect, it } from 'vitest';
import { sourceEvent } from '../source.ts';
import { manualEvent, manualRequest } from './source.ts';

it('a person who asks becomes an event, the same for the same request', () => {
  const asked = manualRequest.parse({ pipeline: 'items-api', images: { api: { tag: '1.2.3' } } });
  const event = manualEvent({ asked, request: '0c4a5f5e-request', by: 'aki', at: 5 });
  expect(sourceEvent.parse(event)).toEqual({
    id: 'manual-0c4a5f5e-request',
    type: 'manual',
    source: 'manual',
    at: 5,
    text: 'aki asked for api 1.2.3',
    manual: { pipeline: 'items-api', inputs: {}, images: { api: { tag: '1.2.3' } }, by: 'aki' },
  });
  expect(manualEvent({ asked, request: '0c4a5f5e-request', by: 'aki', at: 9 }).id).toBe(event.id);
});

it('lets nothing unknown pass', () => {
  expect(manualRequest.safeParse({ pipeline: 'a', image: 'b' }).success).toBe(false);
  expect(manualRequest.safeParse({ pipeline: 'a', images: { api: { tag: 'not a tag' } } }).success).toBe(false);
});
