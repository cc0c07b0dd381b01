/** Gets the tokens that Google's APIs ask for, because the auth library alone takes a tenth of a second to load. */
import type { Clock } from '../../ports/clock.ts';

/** Resolves to a bearer token that is valid for at least a few minutes. */
export type AccessToken = () => Promise<string>;

const METADATA_URL = 'http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token';
const METADATA_TIMEOUT_MS = 5_000;
/** Google gives out the same token until five minutes before its end. */
const RENEW_BEFORE_MS = 4 * 60_000;

/** What the emulators accept, and nobody else. */
export const emulatorAccessToken: AccessToken = async () => 'owner';

/** On Cloud Run the metadata server's token, kept until it is about to expire; elsewhere whatever the auth library finds. */
export function googleAccessToken({ clock }: { clock: Clock }): AccessToken {
  return process.env.K_SERVICE === undefined ? libraryToken() : metadataToken({ clock });
}

function metadataToken({ clock }: { clock: Clock }): AccessToken {
  let kept: { token: string; until: number } | undefined;
  let asking: Promise<string> | undefined;
  const ask = async (): Promise<string> => {
    const response = await fetch(METADATA_URL, {
      headers: { 'metadata-flavor': 'Google' },
      signal: AbortSignal.timeout(METADATA_TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`the metadata server answered ${response.status} when asked for an access token`);
    const answer = (await response.json()) as { access_token: string; expires_in: number };
    kept = { token: answer.access_token, until: clock.now() + answer.expires_in * 1000 - RENEW_BEFORE_MS };
    return answer.access_token;
  };
  return async () => {
    if (kept !== undefined && clock.now() < kept.until) return kept.token;
    asking ??= ask().finally(() => {
      asking = undefined;
    });
    return asking;
  };
}

function libraryToken(): AccessToken {
  const loading = lazily(async () => {
    const { GoogleAuth } = await import('google-auth-library');
    return new GoogleAuth({ scopes: ['https://www.googleapis.com/auth/cloud-platform'] });
  });
  return async () => {
    const token = await (await loading()).getAccessToken();
    if (typeof token !== 'string') {
      throw new Error('there are no Google credentials here; try `gcloud auth application-default login`');
    }
    return token;
  };
}

/** Makes a thing when it is first asked for, and again if making it failed. */
export function lazily<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}
