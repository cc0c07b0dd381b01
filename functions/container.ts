/** Builds what each deployed function needs from its configuration, and no more: everything heavy is loaded on its first use. */
import { z } from 'zod';
import {
  environmentSecrets,
  STAGE_SECRETS,
  SYSTEM_SECRETS,
  secretValues,
} from '../shared/adapters/environment-secrets.ts';
import { emulatorsOf, type Google, openGoogle } from '../shared/adapters/google/index.ts';
import { jsonLog } from '../shared/adapters/json-log.ts';
import { programRenderer } from '../shared/adapters/programs/renderer.ts';
import { systemClock } from '../shared/adapters/system-clock.ts';
import { systemRandom } from '../shared/adapters/system-random.ts';
import type { Log } from '../shared/ports/log.ts';
import type { Renderer } from '../shared/ports/renderer.ts';
import type { Secrets } from '../shared/ports/secrets.ts';
import type { StageKind } from '../shared/stages/kind.ts';
import { documentParsers } from '../shared/use-cases/documents.ts';
import { checkTiming, DEFAULT_TIMING, type StatePorts, type Timing } from '../shared/use-cases/engine.ts';
import { planReader } from '../shared/use-cases/plans.ts';
import type { KnownPerson } from './people.ts';
import { GOOGLE_ISSUER, type Issuer, type Verify, verifyOidc } from './push.ts';
import { commonSettings, DAY_MS, type Environment, inJson, readSettings } from './settings.ts';

/** What stages select targets by. */
const labels = z.record(z.string(), z.string()).default({});
const target = z.union([
  z.strictObject({ cluster: z.string().regex(/^projects\/[^/]+\/locations\/[^/]+\/clusters\/[^/]+$/), labels }),
  z.strictObject({ kubeconfig: z.string(), context: z.string(), labels }),
]);
export type TargetConfiguration = z.infer<typeof target>;

const milliseconds = z.coerce.number().int().positive();

/** Every variable of a deployed function but its secrets. */
export const configuration = commonSettings.extend({
  GENNAKER_PROJECT: z.string().min(1),
  GENNAKER_REGION: z.string().min(1),
  /** What the tokens of our own Pub/Sub subscriptions, tasks and the scheduler are made for. */
  GENNAKER_AUDIENCE: z.string().min(1),
  /** The service account that they are made by. */
  GENNAKER_PUSHER: z.string().min(1),
  /** The Cloud Tasks queue's name. */
  GENNAKER_QUEUE: z.string().min(1),
  /** Where people reach the API and the pages. */
  GENNAKER_PUBLIC_URL: z.url(),
  /** Where hooks are sent to, where that is another address. */
  GENNAKER_HOOKS_URL: z.url().optional(),
  GENNAKER_TARGETS: inJson(z.record(z.string(), target)).default({}),
  /** By topic, the URL of the function that takes its wake-ups. */
  GENNAKER_WAKE_URLS: inJson(z.record(z.string(), z.url())),
  /** Who may sign those tokens; Google unless it is said otherwise. */
  GENNAKER_ISSUERS: inJson(z.array(z.object({ issuer: z.string(), jwksUrl: z.url() })).min(1)).default([GOOGLE_ISSUER]),
  GENNAKER_PAGES: z.enum(['open', 'token']).default('token'),
  GENNAKER_STEP_MS: milliseconds.default(DEFAULT_TIMING.stepMs),
  GENNAKER_LEASE_MS: milliseconds.default(DEFAULT_TIMING.leaseMs),
  GENNAKER_ACKNOWLEDGEMENT_MS: milliseconds.default(DEFAULT_TIMING.acknowledgementMs),
});

export type Settings = {
  readonly project: string;
  readonly publicUrl: string;
  readonly hooksUrl: string;
  readonly targets: { readonly [name: string]: TargetConfiguration };
  readonly allowedHosts: readonly string[];
  readonly registryHosts: { readonly [reported: string]: string };
  readonly slackApiUrl: string | undefined;
  readonly githubApiUrl: string | undefined;
  readonly pages: 'open' | 'token';
  readonly people: readonly KnownPerson[];
  readonly googleProjects: readonly string[];
  readonly timing: Timing;
};

/** What every function is given. */
export type Container = {
  readonly settings: Settings;
  readonly google: Google;
  readonly state: StatePorts;
  readonly log: Log;
  readonly renderer: Renderer;
  /** The built-in stage kinds and the configured ones, loaded when they are first asked for. Throws UnusableStageKind. */
  readonly kinds: () => Promise<ReadonlyMap<string, StageKind>>;
  readonly verify: Verify;
  /** The system's own secrets. */
  readonly secrets: Secrets;
  /** Those that stages may name. */
  readonly stageSecrets: Secrets;
  /** The values of both, to be taken out of what is kept. */
  readonly knownSecrets: readonly string[];
};

/** Opens nothing yet: adapters connect on their first use. Throws Misconfigured. */
export function containerOf(environment: Environment): Container {
  const given = readSettings(configuration, environment);
  const log = jsonLog({
    write: (line) => {
      process.stdout.write(line);
    },
    now: systemClock.now,
    projectId: given.GENNAKER_PROJECT,
  });
  const google = openGoogle({
    projectId: given.GENNAKER_PROJECT,
    region: given.GENNAKER_REGION,
    wakeUps: {
      queue: given.GENNAKER_QUEUE,
      urls: given.GENNAKER_WAKE_URLS,
      serviceAccount: given.GENNAKER_PUSHER,
      audience: given.GENNAKER_AUDIENCE,
    },
    clock: systemClock,
    random: systemRandom,
    parse: documentParsers,
    inboxKeptMs: given.GENNAKER_INBOX_DAYS * DAY_MS,
    emulators: emulatorsOf(environment),
  });
  const timing = checkTiming({
    stepMs: given.GENNAKER_STEP_MS,
    leaseMs: given.GENNAKER_LEASE_MS,
    acknowledgementMs: given.GENNAKER_ACKNOWLEDGEMENT_MS,
  });
  const issuers: readonly Issuer[] = given.GENNAKER_ISSUERS;
  return {
    settings: {
      project: given.GENNAKER_PROJECT,
      publicUrl: given.GENNAKER_PUBLIC_URL.replace(/\/+$/, ''),
      hooksUrl: (given.GENNAKER_HOOKS_URL ?? given.GENNAKER_PUBLIC_URL).replace(/\/+$/, ''),
      targets: given.GENNAKER_TARGETS,
      allowedHosts: given.GENNAKER_ALLOWED_HOSTS,
      registryHosts: given.GENNAKER_REGISTRY_HOSTS,
      slackApiUrl: given.GENNAKER_SLACK_API_URL,
      githubApiUrl: given.GENNAKER_GITHUB_API_URL,
      pages: given.GENNAKER_PAGES,
      people: given.GENNAKER_PEOPLE,
      googleProjects: given.GENNAKER_GOOGLE_PROJECTS,
      timing,
    },
    google,
    state: {
      executions: google.executions,
      plans: planReader(google.blobs),
      bus: google.bus,
      wakeUps: google.wakeUps,
      clock: systemClock,
      random: systemRandom,
      log,
    },
    log,
    renderer: programRenderer(environment),
    kinds: async () =>
      (await import('../shared/stages/custom-kinds.ts')).loadStageKinds({ modules: given.GENNAKER_STAGE_KINDS }),
    verify: verifyOidc({
      issuers,
      audience: given.GENNAKER_AUDIENCE,
      emails: [given.GENNAKER_PUSHER],
      clock: systemClock,
    }),
    secrets: environmentSecrets(SYSTEM_SECRETS, environment),
    stageSecrets: environmentSecrets(STAGE_SECRETS, environment),
    knownSecrets: secretValues(environment),
  };
}
