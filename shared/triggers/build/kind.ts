/** Builds that ended: found by whose they are, filtered by name, branch, tag and status. */
import { repositoryKey } from '../../git/repository-key.ts';
import { TEXT } from '../../pipeline/expressions/types.ts';
import { condition, someMatch } from '../condition.ts';
import { imagesAmong } from '../image/image-condition.ts';
import { imageData } from '../image/kind.ts';
import type { TriggerKind } from '../trigger-kind.ts';
import type { BuildFinished } from './event.ts';
import type { BuildTrigger } from './schema.ts';

export function buildKey({ by, of }: Pick<BuildFinished['build'], 'by' | 'of'>): string {
  return `build:${by}:${of.toLowerCase()}`;
}

const optional = (value: string | undefined): readonly string[] => (value === undefined ? [] : [value]);

export const buildTrigger: TriggerKind<BuildTrigger> = {
  key: 'build',
  fields: {
    build: {
      is: 'object',
      fields: {
        name: TEXT,
        number: TEXT,
        status: TEXT,
        branch: TEXT,
        tag: TEXT,
        commit: TEXT,
        url: TEXT,
        parameters: { is: 'map', of: TEXT },
        images: { is: 'list', of: { is: 'object', fields: { name: TEXT, repository: TEXT, tag: TEXT, digest: TEXT } } },
      },
    },
  },
  keysOf({ build: { source: by, project, repository, job } }) {
    const of = repository === undefined ? (project ?? job) : repositoryKey(repository);
    return of === undefined ? [] : [buildKey({ by, of })];
  },
  conditionsOf({ build: wanted }, event) {
    if (event.type !== 'build-finished') return [];
    const { build } = event;
    const met = wanted.status.includes(build.status);
    return [
      condition({ condition: 'status', wanted: wanted.status.join(' or '), got: build.status, met }),
      ...someMatch('names', wanted.names, optional(build.name)),
      ...someMatch('branches', wanted.branches, optional(build.branch)),
      ...someMatch('tags', wanted.tags, optional(build.tag)),
    ];
  },
  /** What the build pushed of the pipeline's images is what is delivered. */
  imagesOf(_trigger, event, { images }) {
    const built = event.type === 'build-finished' ? (event.build.images ?? []) : [];
    return imagesAmong(images, built);
  },
  dataOf(_trigger, event) {
    if (event.type !== 'build-finished') return {};
    const { by: _by, of: _of, images, ...build } = event.build;
    return { build: JSON.parse(JSON.stringify({ ...build, images: (images ?? []).map(imageData) })) };
  },
};
