/** The order in which pipelines get a new version of a template: pure, so that every tick finds the same. */
import { createHash } from 'node:crypto';
import { matchesGlob } from '../../pipeline/glob.ts';
import type { Ring, Rollout } from '../../ports/templates.ts';

const MAXIMUM_RINGS = 10;
const MAXIMUM_PATTERN = 200;
/** Enough of a hash that no two names share it, and little enough to be stored with each ring. */
const PLACE_DIGITS = 16;
/** Comes after every place. */
const EVERYONE = 'g';
const NOBODY = '';

/** A ring as a person asks for it. */
export type RingRequest = { readonly percent: number } | { readonly pipelines: string };

/**
 * Reads `items-*,10%,50%,100%`: shares of the pipelines that grow up to 100 %, or names with `*`. Where the last ring
 * is not everyone, one that is follows.
 */
export function parseRings(text: string): { readonly rings: readonly RingRequest[] } | { readonly problem: string } {
  const rings: RingRequest[] = [];
  let reached = 0;
  for (const part of text.split(',').map((one) => one.trim())) {
    const share = /^(\d+(?:\.\d+)?)\s*%$/.exec(part)?.[1];
    if (share === undefined) {
      if (!/^[a-z0-9*?-]+$/.test(part) || part.length > MAXIMUM_PATTERN) {
        return {
          problem: `"${part}" is no ring: one is a share such as 10%, or the name of a pipeline, with "*" for any letters`,
        };
      }
      rings.push({ pipelines: part });
      continue;
    }
    const percent = Number(share);
    if (percent <= reached || percent > 100) {
      return { problem: `the ring ${part} must be more than ${reached}% and at most 100%: each holds those before it` };
    }
    reached = percent;
    rings.push({ percent });
  }
  if (reached < 100) rings.push({ percent: 100 });
  if (rings.length > MAXIMUM_RINGS)
    return { problem: `there are ${rings.length} rings; at most ${MAXIMUM_RINGS} are allowed` };
  return { rings };
}

/** Fixes the rings' bounds for the pipelines that use the template now, so that later ones move no other's ring. */
export function ringsFor(command: {
  readonly requests: readonly RingRequest[];
  readonly template: string;
  readonly pipelines: readonly string[];
}): readonly Ring[] {
  const places = command.pipelines.map((name) => placeOf(command.template, name)).sort();
  return command.requests.map((request): Ring => {
    if ('pipelines' in request) return request;
    const { percent } = request;
    if (percent === 100) return { percent, upTo: EVERYONE };
    // At least one, wherever there is one: a ring without pipelines proves nothing.
    const count = Math.ceil((percent / 100) * places.length);
    return { percent, upTo: places[count - 1] ?? NOBODY };
  });
}

/** The first ring that the pipeline is in, from 0. */
export function ringOf(rollout: Pick<Rollout, 'rings'>, template: string, pipeline: string): number {
  const place = placeOf(template, pipeline);
  const found = rollout.rings.findIndex((ring) =>
    'percent' in ring ? place <= ring.upTo : matchesGlob(ring.pipelines, pipeline),
  );
  return found === -1 ? rollout.rings.length : found;
}

/** A ring in words: `10 %`, `items-*`. */
export function describeRing(ring: Ring): string {
  return 'percent' in ring ? `${ring.percent} %` : ring.pipelines;
}

/** Where the pipeline stands in the order: evenly spread, and another for each template. */
function placeOf(template: string, pipeline: string): string {
  return createHash('sha256').update(`${template}\n${pipeline}`).digest('hex').slice(0, PLACE_DIGITS);
}
