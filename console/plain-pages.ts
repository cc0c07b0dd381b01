/** The small pages: signing in, and saying that something is not there. */
import type { Page } from './document.ts';
import { html } from './html.ts';

/** `returnTo` is a path on this server. */
export function signInPage(options: { returnTo: string; wasWrong: boolean }): Page {
  const { returnTo, wasWrong } = options;
  return {
    title: 'Sign in · Gennaker',
    regions: [
      {
        id: 'sign-in',
        content: html`<div class="plain"><h1>Sign in</h1>
<p>These pages are for whoever holds the API token of this system.</p>
${wasWrong && html`<p class="wrong" role="alert">That is not the token of this system.</p>`}
<form method="post" action="/sign-in"><label class="said" for="token">API token</label>
<input id="token" name="token" type="password" autocomplete="current-password" placeholder="API token" required autofocus>
<input name="returnTo" type="hidden" value="${returnTo}"><button type="submit">Sign in</button></form></div>`,
      },
    ],
  };
}

export function noticePage(title: string, text: string): Page {
  return {
    title: `${title} · Gennaker`,
    regions: [
      {
        id: 'notice',
        content: html`<div class="plain"><h1>${title}</h1><p>${text}</p><p><a href="/">All executions</a></p></div>`,
      },
    ],
  };
}
