/** What checking and planning pipelines needs, where they use no targets and no manifests. */
import { libraryOf } from '../../shared/use-cases/templates/library.ts';
import { lockedTemplates } from '../../shared/use-cases/templates/locked.ts';
import { emptyKinds } from './pipelines.ts';

export function languageOf(stores: Parameters<typeof libraryOf>[0] & Parameters<typeof lockedTemplates>[0]) {
  return {
    kinds: emptyKinds(),
    targets: [],
    renderer: { render: () => Promise.reject(new Error('no bench renders manifests')) },
    openLibrary: libraryOf(stores),
    lockedTemplates: lockedTemplates(stores),
  };
}
