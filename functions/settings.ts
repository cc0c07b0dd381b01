/** What a deployed system and a local one are both told by the environment. */
import { z } from 'zod';
import { peopleSetting } from './people.ts';

export type Environment = { readonly [name: string]: string | undefined };

/** The environment names a variable that is missing or wrong; the message lists them all. */
export class Misconfigured extends Error {
  override readonly name = 'Misconfigured';
}

/** JSON in a variable, checked. */
export const inJson = <T extends z.ZodType>(schema: T) =>
  z
    .string()
    .transform((text, context) => {
      try {
        return JSON.parse(text) as unknown;
      } catch {
        context.addIssue({ code: 'custom', message: 'is not JSON' });
        return z.NEVER;
      }
    })
    .pipe(schema);

const MAXIMUM_KIND_MODULES = 50;

/** Modules of stage kinds of one's own: paths or packages, as `loadStageKinds` takes them. */
const stageKindModules = inJson(z.array(z.string().min(1)).max(MAXIMUM_KIND_MODULES)).default([]);

/** What whoever only checks pipeline files is told. */
export const languageSettings = z.object({ GENNAKER_STAGE_KINDS: stageKindModules });

const DEFAULT_INBOX_DAYS = 90;
const MAXIMUM_INBOX_DAYS = 3_650;
export const DAY_MS = 24 * 60 * 60_000;

export const commonSettings = z.object({
  GENNAKER_STAGE_KINDS: stageKindModules,
  /** Who holds which token and is in which groups: JSON, or the path of a file of it. */
  GENNAKER_PEOPLE: peopleSetting,
  /** How long what arrived is kept, in days. */
  GENNAKER_INBOX_DAYS: z.coerce.number().int().min(1).max(MAXIMUM_INBOX_DAYS).default(DEFAULT_INBOX_DAYS),
  /** Google's projects in which stages may act with the system's own identity; divided by commas. */
  GENNAKER_GOOGLE_PROJECTS: z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(',')
        .map((project) => project.trim())
        .filter((project) => project !== ''),
    ),
  /** Where stages may send requests to: names, `*.example.com`, or `*` for the public internet; divided by commas. */
  GENNAKER_ALLOWED_HOSTS: z
    .string()
    .default('*')
    .transform((text) =>
      text
        .split(',')
        .map((host) => host.trim())
        .filter((host) => host !== ''),
    ),
  /** The names of registries by the host that they report, where they stand behind a proxy. */
  GENNAKER_REGISTRY_HOSTS: inJson(z.record(z.string(), z.string())).default({}),
  /** Where GitHub's REST API is: that of a GitHub of one's own, `https://HOST/api/v3`. */
  GENNAKER_GITHUB_API_URL: z.url().optional(),
  /** Where Slack's Web API is; for tests. */
  GENNAKER_SLACK_API_URL: z.url().optional(),
});

/** The environment as `schema` wants it. Throws Misconfigured. */
export function readSettings<T>(schema: z.ZodType<T>, environment: Environment): T {
  const parsed = schema.safeParse(environment);
  if (parsed.success) return parsed.data;
  throw new Misconfigured(`the environment is not as expected:\n${z.prettifyError(parsed.error)}`);
}
