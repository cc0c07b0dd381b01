/** Secrets as the platform mounts them: one environment variable each, under a prefix that says who may ask. */
import type { Secrets } from '../ports/secrets.ts';

/** What the system itself needs: the hooks' secrets, Slack's token. No stage can name these. */
export const SYSTEM_SECRETS = 'GENNAKER_SECRET_';
/** What stages may name by reference. */
export const STAGE_SECRETS = 'GENNAKER_STAGE_SECRET_';

/** The values of all of them, to be taken out of what is kept. */
export function secretValues(
  environment: { readonly [name: string]: string | undefined },
  given: readonly string[] = [],
): readonly string[] {
  const prefixes = [SYSTEM_SECRETS, STAGE_SECRETS];
  const named = Object.entries(environment).filter(([name]) => prefixes.some((prefix) => name.startsWith(prefix)));
  return [...given, ...named.flatMap(([, value]) => (value === undefined || value === '' ? [] : [value]))];
}

/** The secret `slack-token` is the variable `<prefix>SLACK_TOKEN`. `given` stands before the environment. */
export function environmentSecrets(
  prefix: typeof SYSTEM_SECRETS | typeof STAGE_SECRETS,
  environment: { readonly [name: string]: string | undefined },
  given: { readonly [name: string]: string } = {},
): Secrets {
  return {
    async get({ name }) {
      if (Object.hasOwn(given, name)) return given[name];
      const value = environment[`${prefix}${name.toUpperCase().replaceAll('-', '_')}`];
      return value === '' ? undefined : value;
    },
  };
}
