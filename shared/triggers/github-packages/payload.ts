/** GitHub Packages: `package` of a repository's webhook and `registry_package` of an app, both for images alone. */
import { z } from 'zod';
import { isDigest, isTag, normalizeRepository } from '../../registry/reference.ts';
import { imagePushed, type ParsedEvents, readPayload } from '../source.ts';

/** The registry of GitHub Packages, where a payload names no host. */
const REGISTRY = 'ghcr.io';
const ACTIONS: ReadonlySet<string> = new Set(['published', 'updated']);

const pushedPackage = z.object({
  name: z.string().min(1),
  namespace: z.string().optional(),
  owner: z.object({ login: z.string() }).optional(),
  /** `CONTAINER`, or `docker` of the registry before it. */
  package_type: z.string().optional(),
  ecosystem: z.string().optional(),
  package_version: z
    .object({
      /** `ghcr.io/acme/items-api:1.2.3`; it may end in ":" where there is no tag. */
      package_url: z.string().nullish(),
      container_metadata: z
        .object({ tag: z.object({ name: z.string().nullish(), digest: z.string().nullish() }).nullish() })
        .nullish(),
    })
    .nullish(),
});
const payload = z.object({
  action: z.string(),
  package: pushedPackage.optional(),
  registry_package: pushedPackage.optional(),
});

/** `id` is that of the delivery. Throws BadPayload. */
export function packageEvents(about: { source: string; id: string; at: number }, body: unknown): ParsedEvents {
  const { action, package: ofRepository, registry_package: ofApp } = readPayload(about.source, payload, body);
  const pushed = ofRepository ?? ofApp;
  const kind = (pushed?.package_type ?? pushed?.ecosystem ?? '').toLowerCase();
  const told = pushed?.package_version?.container_metadata?.tag;
  const tag = told?.name ?? '';
  if (pushed === undefined || !ACTIONS.has(action) || !/^(container|docker)$/.test(kind) || !isTag(tag)) {
    return { events: [], ignored: 1 };
  }
  const url = (pushed.package_version?.package_url ?? '').replace(/^https?:\/\//, '').replace(/:[^/:]*$/, '');
  const owner = pushed.namespace ?? pushed.owner?.login ?? '';
  const repository = normalizeRepository((url === '' ? `${REGISTRY}/${owner}/${pushed.name}` : url).toLowerCase());
  const digest = told?.digest ?? undefined;
  const image = { repository, tag, ...(digest !== undefined && isDigest(digest) ? { digest } : {}) };
  return { events: [imagePushed({ ...about, image })], ignored: 0 };
}
