import { describe, expect, it } from 'vitest';
import type { LiveObject, ManagedFields } from '../ports/cluster.ts';
import { setOfField, setOfItem, withoutUnclaimed } from './field-sets.ts';

const entry = (manager: string, operation: 'Apply' | 'Update', fieldsV1: ManagedFields['fieldsV1']): ManagedFields => ({
  manager,
  operation,
  apiVersion: 'v1',
  ...(fieldsV1 === undefined ? {} : { fieldsV1 }),
});

function object(spec: object, managedFields: ManagedFields[]): LiveObject {
  const metadata = { name: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '', managedFields };
  return { apiVersion: 'v1', kind: 'Any', metadata, spec };
}

const specAfter = (spec: object, entries: ManagedFields[]) => withoutUnclaimed(object(spec, entries), 'us').spec;

describe('what a claim would have removed', () => {
  it('is what we own by Update alone', () => {
    const spec = { ours: 1, applied: 2, theirs: 3, nobodys: 4 };
    const fields = { 'f:spec': { 'f:ours': {}, 'f:applied': {}, 'f:theirs': {} } };
    const entries = [
      entry('us', 'Update', fields),
      entry('us', 'Apply', { 'f:spec': { 'f:applied': {} } }),
      entry('them', 'Update', { 'f:spec': { 'f:theirs': {} } }),
    ];
    expect(specAfter(spec, entries)).toEqual({ applied: 2, theirs: 3, nobodys: 4 });
  });

  it('is nothing where the status was updated, or where we own nothing so', () => {
    const status = { ...entry('us', 'Update', { 'f:spec': { 'f:ours': {} } }), subresource: 'status' };
    expect(specAfter({ ours: 1 }, [status])).toEqual({ ours: 1 });
    expect(specAfter({ ours: 1 }, [entry('us', 'Apply', { 'f:spec': { 'f:ours': {} } })])).toEqual({ ours: 1 });
  });

  it('is whole items of lists, or their fields, as their key says', () => {
    const spec = {
      ports: [
        { port: 80, protocol: 'TCP', name: 'web' },
        { port: 90, protocol: 'TCP' },
      ],
      set: ['a', 'b'],
    };
    const key = (port: number) => `k:{"port":${port},"protocol":"TCP"}`;
    const entries = [
      entry('us', 'Update', {
        'f:spec': {
          'f:ports': { [key(80)]: { '.': {}, 'f:name': {}, 'f:port': {} }, [key(90)]: { '.': {}, 'f:port': {} } },
          'f:set': { 'v:"a"': {}, 'v:"b"': {} },
        },
      }),
      entry('us', 'Apply', {
        'f:spec': { 'f:ports': { [key(80)]: { '.': {}, 'f:port': {} } }, 'f:set': { 'v:"b"': {} } },
      }),
    ];
    expect(specAfter(spec, entries)).toEqual({ ports: [{ port: 80, protocol: 'TCP' }], set: ['b'] });
  });

  it('leaves no empty map behind, unless somebody owns it', () => {
    const owned = { 'f:spec': { 'f:map': { '.': {}, 'f:a': {} } } };
    expect(specAfter({ map: { a: 1 } }, [entry('us', 'Update', owned)])).toBeUndefined();
    const kept = entry('us', 'Apply', { 'f:spec': { 'f:map': {} } });
    expect(specAfter({ map: { a: 1 } }, [entry('us', 'Update', owned), kept])).toEqual({ map: {} });
  });
});

it('what has no parts is owned as one value, with everything in it', () => {
  expect(setOfField({ 'f:a': { 'f:b': {} } }, 'a')).toEqual({ 'f:b': {} });
  expect(setOfField({ 'f:a': {} }, 'b')).toBeUndefined();
  expect(setOfField({}, 'b')).toEqual({});
  expect(setOfItem({ 'k:{"name":"a"}': { '.': {} } }, { name: 'b' })).toBeUndefined();
  expect(setOfItem({}, 'x')).toEqual({});
});
