/** The files that pages load, each under a name with its hash, so that a browser may keep it for ever. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { PageAssets } from './document.ts';

export type Asset = { readonly type: string; readonly content: string };

const STYLE = { file: 'style.css', url: new URL('./style.css', import.meta.url), type: 'text/css; charset=utf-8' };
const SCRIPT = { file: 'page.js', url: new URL('./page.js', import.meta.url), type: 'text/javascript; charset=utf-8' };
const ICON = { file: 'icon.svg', url: new URL('./icon.svg', import.meta.url), type: 'image/svg+xml' };

export type Assets = {
  /** The addresses under which pages name them. */
  readonly addresses: PageAssets;
  /** By the last part of the address. */
  readonly files: ReadonlyMap<string, Asset>;
};

export function loadAssets(): Assets {
  const files = new Map<string, Asset>();
  const load = ({ file, url, type }: typeof STYLE): string => {
    const content = readFileSync(url, 'utf8');
    const hash = createHash('sha256').update(content).digest('hex').slice(0, 12);
    const name = file.replace('.', `.${hash}.`);
    files.set(name, { type, content });
    return `/assets/${name}`;
  };
  return {
    addresses: { style: load(STYLE), script: load(SCRIPT), icon: load(ICON) },
    files,
  };
}
