/** The far ends of a simulated system, as a script has them: HTTP that answers from a list, and clusters in the sandbox. */
import type { Plan } from '../../shared/core/plan.ts';
import { SandboxCluster } from '../../shared/kubernetes/sandbox.ts';
import { type Fate, fateOf } from '../../shared/kubernetes/sandbox-pods.ts';
import { checkedDurationMs } from '../../shared/pipeline/duration.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Cluster } from '../../shared/ports/cluster.ts';
import { normalizeRepository, parseReference } from '../../shared/registry/reference.ts';
import { HttpUnreachable } from '../../shared/stages/http-client.ts';
import type { HttpClient } from '../../shared/stages/kind.ts';
import { pause } from '../../shared/use-cases/engine.ts';
import type { ScriptDefinition, ScriptedAnswer } from './script-schema.ts';

/** What answers where a script says nothing. */
const FINE: ScriptedAnswer = { status: 200, headers: {}, body: '', after: '0s' };

/** Answers each request with what `next` gives. */
export function scriptedHttp(next: () => ScriptedAnswer | undefined, clock: Clock): HttpClient {
  return {
    async request({ method, url, signal }) {
      const answer = next() ?? FINE;
      await pauseUnless(signal, clock, checkedDurationMs(answer.after));
      if (signal.aborted) {
        throw new HttpUnreachable(`${method} ${new URL(url).origin}: no answer in time`, { cause: signal.reason });
      }
      if ('unreachable' in answer) {
        throw new HttpUnreachable(`${method} ${new URL(url).origin}: nobody answers, as the script says`);
      }
      const { status, headers, body } = answer;
      return { status, headers: new Headers(headers), body: typeof body === 'string' ? body : JSON.stringify(body) };
    },
  };
}

/** Waits, but not longer than until the signal aborts. */
async function pauseUnless(signal: AbortSignal, clock: Clock, ms: number): Promise<void> {
  let goOn = (): void => undefined;
  const aborted = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  if (signal.aborted) goOn();
  signal.addEventListener('abort', goOn, { once: true });
  await Promise.race([pause(clock, ms), aborted]);
  signal.removeEventListener('abort', goOn);
}

export type ScriptedClusters = {
  clusterOf(target: string): Promise<Cluster>;
  /** Lets the script's outages begin and end, counted from now. */
  begin(plan: Plan): void;
  stop(): void;
};

/** A sandbox cluster for every target that is asked for. */
export function scriptedClusters(clock: Clock, script: ScriptDefinition | undefined): ScriptedClusters {
  const clusters = new Map<string, SandboxCluster>();
  let repositories: ReadonlyMap<string, string> = new Map();
  const scriptOf = (target: string): ScriptDefinition['targets'][string] | undefined =>
    script !== undefined && Object.hasOwn(script.targets, target) ? script.targets[target] : undefined;
  const fateOn = (target: string, image: string | undefined): Fate => {
    const name = repositories.get(parseReference(image ?? '')?.repository ?? '');
    const fates = scriptOf(target)?.images;
    const scripted = name === undefined || fates === undefined || !Object.hasOwn(fates, name) ? undefined : fates[name];
    return scripted ?? fateOf(image);
  };
  const clusterNamed = (target: string): SandboxCluster => {
    const known = clusters.get(target);
    if (known !== undefined) return known;
    const cluster = new SandboxCluster({ clock, fateOf: (image) => fateOn(target, image) });
    clusters.set(target, cluster);
    return cluster;
  };
  return {
    clusterOf: async (target) => clusterNamed(target),
    begin(plan) {
      repositories = new Map(
        Object.entries(plan.images).map(([name, { repository }]) => [normalizeRepository(repository), name]),
      );
      for (const [target, { unreachable }] of Object.entries(script?.targets ?? {})) {
        const cluster = clusterNamed(target);
        for (const { from, to } of unreachable) {
          clock.after(checkedDurationMs(from), () => cluster.setReachable(false));
          if (to !== undefined) clock.after(checkedDurationMs(to), () => cluster.setReachable(true));
        }
      }
    },
    stop: () => {
      for (const cluster of clusters.values()) cluster.stop();
    },
  };
}
