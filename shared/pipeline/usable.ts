/** What pipelines and templates can use. */
import type { StageKind } from '../stages/kind.ts';
import type { Templates } from './template.ts';

export type StageKinds = ReadonlyMap<string, StageKind>;

export type Usable = { readonly kinds: StageKinds; readonly templates: Templates };
