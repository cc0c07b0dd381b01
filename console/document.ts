/** The shell of every page: head, header, live regions and footer. */
import { type Html, html } from './html.ts';

export type PageAssets = { readonly style: string; readonly script: string; readonly icon: string };

/** A part of the page that is replaced as a whole, and only when it has changed. */
export type Region = { readonly id: string; readonly content: Html };

export type Page = {
  readonly title: string;
  readonly regions: readonly Region[];
  /** Where the page's changes are told; absent for a page that does not change. */
  readonly events?: string;
  /** Without script the page loads itself again after so many seconds. */
  readonly refreshSeconds?: number;
};

/** What a stream sends to a page that is open. */
export type PageUpdate = { readonly title: string; readonly regions: { readonly [id: string]: string } };

export function updateOf(page: Page): PageUpdate {
  return {
    title: page.title,
    regions: Object.fromEntries(page.regions.map(({ id, content }) => [id, content.markup])),
  };
}

export function renderDocument(page: Page, assets: PageAssets): string {
  const { title, regions, events, refreshSeconds } = page;
  const refresh =
    refreshSeconds !== undefined && html`<noscript><meta http-equiv="refresh" content="${refreshSeconds}"></noscript>`;
  return `<!doctype html>
${html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="${assets.icon}" type="image/svg+xml">
<link rel="stylesheet" href="${assets.style}">
${refresh}
<script src="${assets.script}" type="module"></script>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header>
<a class="home" href="/"><svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true"><path d="M11 2C6 8 4 13 4 18h7z" class="sail"/><path d="M13 5c4 3 6 8 6 13h-6z" class="jib"/><path d="M3 20h18" class="sea"/></svg>Gennaker</a>
<p class="live" id="live" role="status" data-state="off"></p>
</header>
<main id="main" ${events !== undefined && html`data-events="${events}"`}>
${regions.map(({ id, content }) => html`<div id="${id}" data-region>${content}</div>\n`)}</main>
</body>
</html>`}
`;
}
