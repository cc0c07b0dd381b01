/** The files that pages load, each under a name with its hash, so that a browser may keep it for ever. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { PageAssets } from './document.ts';

export type Asset = { readonly type: string; readonly content: string };

const FILES = {
  style: { file: 'style.css', type: 'text/css; charset=utf-8' },
  script: { file: 'page.js', type: 'text/javascript; charset=utf-8' },
  icon: { file: 'icon.svg', type: 'image/svg+xml' },
} as const;

export type Assets = {
  /** The addresses under which pages name them. */
  readonly addresses: PageAssets;
  /** By the last part of the address. */
  readonly files: ReadonlyMap<string, Asset>;
};

export function loadAssets(): Assets {
  const files = new Map<string, Asset>();
  const load = ({ file, type }: { file: string; type: string }): string => {
    const content = readFileSync(new URL(file, import.meta.url), 'utf8');
    const hash = createHash('sha256').update(content).digest('hex').slice(0, 12);
    const name = file.replace('.', `.${hash}.`);
    files.set(name, { type, content });
    return `/assets/${name}`;
  };
  return {
    addresses: { style: load(FILES.style), script: load(FILES.script), icon: load(FILES.icon) },
    files,
  };
}
