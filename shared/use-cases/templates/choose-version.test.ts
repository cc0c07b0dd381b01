import { describe, expect, it } from 'vitest';
import type { Rollout, TemplateRecord, VersionStanding } from '../../ports/templates.ts';
import { chooseVersion } from './choose-version.ts';

function recordOf(standing: VersionStanding, state: Rollout['state']): TemplateRecord {
  const version = (exact: string, its: VersionStanding) => ({
    version: exact,
    definition: '',
    source: '',
    file: 'microservice.yaml',
    publishedAt: 0,
    by: 'aki',
    standing: its,
  });
  return {
    format: 1,
    name: 'microservice',
    owner: 'platform',
    description: '',
    versions: [version('2.0.0', 'released'), version('2.1.0', standing)],
    rollout: {
      version: '2.1.0',
      rings: [{ pipelines: 'first-*' }, { pipelines: '*' }],
      after: 1,
      startedAt: 0,
      ring: 0,
      state,
    },
  };
}

const rolling = recordOf('rolling', { is: 'moving', since: 0, past: '' });
const stopped = recordOf('rolling', { is: 'stopped', at: 0, pipeline: 'first-api', because: 'It failed.' });
const withdrawn = recordOf('withdrawn', { is: 'over', at: 0, how: 'rolledBack', left: [] });

describe('the version that a pipeline gets', () => {
  it.each([
    ['rolling, in its ring', rolling, 'first-api', '2', '2.0.0', '2.1.0'],
    ['rolling, in a later ring', rolling, 'items-api', '2', '2.0.0', '2.0.0'],
    ['rolling, for a new pipeline', rolling, 'first-api', '2', undefined, '2.0.0'],
    ['rolling, named in its ring', rolling, 'first-api', '2.1.0', '2.0.0', '2.1.0'],
    ['rolling, named and run', rolling, 'items-api', '2.1.0', '2.1.0', '2.1.0'],
    ['stopped, named and run', stopped, 'first-api', '2.1.0', '2.1.0', '2.1.0'],
    ['withdrawn, named and run', withdrawn, 'items-api', '2.1.0', '2.1.0', '2.1.0'],
    ['withdrawn, run and not named', withdrawn, 'items-api', '2', '2.1.0', '2.0.0'],
    ['released, named', rolling, 'items-api', '2.0.0', undefined, '2.0.0'],
  ])('%s', (_, record, pipeline, range, locked, expected) => {
    expect(chooseVersion({ record, range, pipeline, locked })).toMatchObject({ version: { version: expected } });
  });

  const way =
    'which have not reached this pipeline: it comes by itself to pipelines that use a range with it; released are 2.0.0';
  it.each([
    ['rolling, for a new pipeline', rolling, 'first-api', undefined, way],
    ['rolling, in a later ring', rolling, 'items-api', '2.0.0', way],
    ['stopped, in its ring', stopped, 'first-api', '2.0.0', 'gennaker templates rollout microservice says why'],
    [
      'withdrawn',
      withdrawn,
      'items-api',
      '2.0.0',
      'microservice 2.1.0 was rolled back, and nobody new gets it; released are 2.0.0',
    ],
  ])('is not the one that it names: %s', (_, record, pipeline, locked, expected) => {
    const choice = chooseVersion({ record, range: '2.1.0', pipeline, locked });
    expect('problem' in choice ? choice.problem : choice.version.version).toContain(expected);
  });
});
