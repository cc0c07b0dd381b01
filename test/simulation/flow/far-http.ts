/** The far end of webhooks: jobs that are looked at, call-backs that come late and twice, and an overload that passes. */

import { HttpUnreachable } from '../../../shared/stages/http-client.ts';
import type { HttpClient } from '../../../shared/stages/kind.ts';
import { SimulatedFailure, type Worker, type World } from '../world.ts';

const MINUTE = 60_000;

type Job = { readonly doneAt: number; isCancelled: boolean };
type Place = { readonly execution: string; readonly stage: string; readonly attempt: number };

export class FarHttp {
  readonly violations: string[] = [];
  private readonly jobs = new Map<string, Job>();
  /** The keys under which each attempt asked for something to be begun. */
  private readonly keys = new Map<string, string>();
  private readonly busy = new Set<string>();
  private readonly world: World;
  private readonly callBack: (place: Place) => void;

  constructor(world: World, callBack: (place: Place) => void) {
    this.world = world;
    this.callBack = callBack;
  }

  portOf(worker: Worker): HttpClient {
    return {
      request: async ({ method, url, headers = {} }) => {
        try {
          const answer = await this.world.call(worker, `http ${method} ${url}`, () =>
            this.answer(method, url, headers),
          );
          return { status: answer.status, headers: new Headers(answer.headers), body: answer.body ?? '' };
        } catch (error) {
          if (error instanceof SimulatedFailure) throw new HttpUnreachable(error.message, { cause: error });
          throw error;
        }
      },
    };
  }

  private answer(
    method: string,
    url: string,
    headers: { readonly [name: string]: string },
  ): { readonly status: number; readonly headers?: { [name: string]: string }; readonly body?: string } {
    const [, what, name = ''] = new URL(url).pathname.split('/');
    const known = this.jobs.get(name);
    if (known !== undefined) {
      if (method === 'DELETE') known.isCancelled = true;
      const status = known.isCancelled ? 'cancelled' : this.world.now >= known.doneAt ? 'done' : 'running';
      return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ status }) };
    }
    const key = headers['idempotency-key'] ?? '';
    const place = placeOf(headers);
    this.remember(place, key);
    switch (what) {
      case 'job': {
        const job = encodeURIComponent(key).replaceAll('%', '-');
        if (!this.jobs.has(job)) {
          this.jobs.set(job, { doneAt: this.world.now + this.world.between(0, 10) * MINUTE, isCancelled: false });
        }
        return { status: 202, headers: { location: `/job/${job}` } };
      }
      case 'call-back':
        this.callBack(place);
        return { status: 202 };
      default:
        if (this.busy.has(key)) return { status: 200 };
        this.busy.add(key);
        return { status: 503, headers: { 'retry-after': '45' } };
    }
  }

  /** What an attempt asks for again, it asks for under the same key. */
  private remember({ execution, stage, attempt }: Place, key: string): void {
    const name = `${execution}/${stage}/${attempt}`;
    const before = this.keys.get(name) ?? key;
    if (before !== key && !this.world.wild)
      this.violations.push(`${name} asked its far end twice: as ${before} and as ${key}`);
    this.keys.set(name, before);
  }
}

function placeOf(headers: { readonly [name: string]: string }): Place {
  return {
    execution: headers['gennaker-execution'] ?? '',
    stage: headers['gennaker-stage'] ?? '',
    attempt: Number(headers['gennaker-attempt']),
  };
}
