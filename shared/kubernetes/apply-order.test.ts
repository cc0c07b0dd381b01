import { describe, expect, it } from 'vitest';
import { inApplyOrder } from './apply-order.ts';

const named = (kind: string, name = kind.toLowerCase()) => ({ apiVersion: 'v1', kind, metadata: { name } });

describe('the order in which manifests are applied', () => {
  it('puts what others need before them', () => {
    const kinds = ['Ingress', 'Deployment', 'Service', 'ExternalSecret', 'Role', 'ConfigMap', 'Namespace'];
    const more = ['HorizontalPodAutoscaler', 'CustomResourceDefinition', 'ServiceAccount', 'PersistentVolumeClaim'];
    expect(inApplyOrder([...kinds, ...more].map((kind) => named(kind))).map(({ kind }) => kind)).toEqual([
      'Namespace',
      'CustomResourceDefinition',
      'ServiceAccount',
      'Role',
      'ConfigMap',
      'PersistentVolumeClaim',
      'Service',
      'ExternalSecret',
      'Deployment',
      'HorizontalPodAutoscaler',
      'Ingress',
    ]);
  });

  it('keeps the order of equals and leaves its input alone', () => {
    const manifests = [named('ConfigMap', 'b'), named('Namespace'), named('ConfigMap', 'a')];
    expect(inApplyOrder(manifests).map(({ metadata }) => metadata.name)).toEqual(['namespace', 'b', 'a']);
    expect(manifests[0]?.metadata.name).toBe('b');
  });
});
