/** The templates that a pipeline runs, by the exact versions of its lock: what is planned never depends on what was published since. */
import type { Template, Templates } from '../../pipeline/template.ts';
import { templatesOf } from '../../pipeline/template.ts';
import type { Blobs } from '../../ports/blobs.ts';
import type { Cells } from '../../ports/cells.ts';
import type { TemplateLock } from '../../ports/pipelines.ts';
import type { TemplateRecord } from '../../ports/templates.ts';
import { definitionOf } from './library.ts';

const MAXIMUM_CACHED = 500;

export type LockedTemplates = (lock: TemplateLock | undefined) => Promise<Templates>;

/** Versions never change, so each is read once for the life of the process. Throws where one is not in the store. */
export function lockedTemplates(ports: {
  readonly templates: Pick<Cells<TemplateRecord>, 'read'>;
  readonly blobs: Pick<Blobs, 'get'>;
}): LockedTemplates {
  const cache = new Map<string, Template>();
  const read = async (name: string, version: string): Promise<Template> => {
    const key = `${name}@${version}`;
    const cached = cache.get(key);
    if (cached !== undefined) return cached;
    const record = await ports.templates.read({ key: name });
    const published = record?.value.versions.find((one) => one.version === version);
    if (published === undefined) throw new Error(`reading the template ${key}: it is not in the store`);
    const template = await definitionOf(ports.blobs, published);
    const oldest = cache.keys().next();
    if (cache.size >= MAXIMUM_CACHED && !oldest.done) cache.delete(oldest.value);
    cache.set(key, template);
    return template;
  };
  return async (lock = {}) => {
    const locked = Object.entries(lock);
    return templatesOf(await Promise.all(locked.map(([name, version]) => read(name, version))), lock);
  };
}
