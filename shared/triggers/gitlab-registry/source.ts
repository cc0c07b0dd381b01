/** GitLab's container registry: Docker distribution's notifications, with the token that GitLab's other hooks carry. */
import { dockerDistribution } from '../docker-distribution/source.ts';
import type { HttpSource } from '../source.ts';
import { byHeader } from '../verify.ts';

const NAME = 'gitlab-registry';

/** `hosts` is as for `dockerDistribution`. */
export function gitlabRegistry(options: { hosts?: { readonly [reported: string]: string } } = {}): HttpSource {
  return {
    ...dockerDistribution({ ...options, name: NAME }),
    path: NAME,
    secretName: 'gitlab-webhook',
    verify: byHeader(NAME, 'X-Gitlab-Token'),
  };
}
