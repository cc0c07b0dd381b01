/** A topic of the user's own that carries one CloudEvent for each transition. */
import type { NotifyPlan, PinnedImage } from '../core/plan.ts';
import type { Reason } from '../core/reason.ts';
import type { Transition } from '../core/run.ts';
import type { Bus } from '../ports/bus.ts';
import type { Cells, NotificationState } from '../ports/cells.ts';
import type { Log } from '../ports/log.ts';
import { cloudEvent, TOPICS } from '../use-cases/messages.ts';
import type { Notice, Tell } from './channel.ts';
import { isAskedFor } from './moments.ts';

export type PubsubNotify = Extract<NotifyPlan, { pubsub: string }>;

/**
 * The data of the event. The event's id is `<execution>/<revision>`: an event that comes twice has the same id and
 * the same content.
 */
export type TransitionEventData = {
  readonly execution: string;
  readonly pipeline: string;
  readonly team: string;
  readonly revision: number;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly is: Transition['is'];
  /** Null where the transition is the execution's own. */
  readonly stage: { readonly id: string; readonly kind: string; readonly target: string | null } | null;
  readonly status: Transition['status'];
  readonly reason: Reason | null;
  readonly images: { readonly [name: string]: PinnedImage };
  /** The address of the execution's page. */
  readonly page: string;
};

export const TRANSITION_EVENT_TYPE = 'dev.gennaker.execution.transition.v1';

/** Notes that meet others so often are left unmade: what was sent is then sent once more, under the same ids. */
const MAXIMUM_CONFLICTS = 8;
/** Pub/Sub's own rule for the names of topics. */
const TOPIC_NAME = /^[A-Za-z][A-Za-z0-9._~%+-]{2,254}$/;
const SYSTEM_TOPICS: ReadonlySet<string> = new Set(['work', ...Object.values(TOPICS)]);

/** Why the topic cannot be used, or undefined where it can: a pipeline must not speak on the system's own topics. */
export function topicProblem(topic: string): string | undefined {
  if (!TOPIC_NAME.test(topic) || topic.startsWith('goog')) {
    return `"${topic}" is no name of a Pub/Sub topic: 3 to 255 letters, digits and -._~%+, starting with a letter, not with "goog"`;
  }
  if (SYSTEM_TOPICS.has(topic) || topic.startsWith('work-')) {
    return `"${topic}" is one of the system's own topics; name one of your own`;
  }
  return undefined;
}

/** `pageOf` gives the address of an execution's page. */
export function pubsubChannel(ports: {
  cells: Cells<NotificationState>;
  bus: Bus;
  log: Log;
  pageOf: (execution: string) => string;
}): Tell<PubsubNotify> {
  return async (notice) => {
    const { pubsub: topic, when } = notice.notify;
    const problem = topicProblem(topic);
    if (problem !== undefined) {
      ports.log.write('WARNING', 'a notification was not sent', { execution: notice.execution.id, topic, problem });
      return 'done';
    }
    const key = `${notice.execution.id}/pubsub/${topic}`;
    const sent = (await ports.cells.read({ key }))?.value ?? NOTHING_SENT;
    const missing = notice.transitions.filter(
      ({ revision }) => revision > sent.revision && !sent.details.includes(revision),
    );
    const asked = missing.filter((transition) => isAskedFor(transition, when));
    if (asked.length > 0) {
      const messages = asked.map((transition) =>
        transitionMessage(notice, transition, ports.pageOf(notice.execution.id)),
      );
      await ports.bus.publish({ topic, messages });
    }
    const revisions = missing.map(({ revision }) => revision);
    if (revisions.length > 0) await remember(ports.cells, key, revisions);
    return 'done';
  };
}

const NOTHING_SENT: NotificationState = { format: 1, revision: 0, tries: 0, details: [] };

/**
 * Notes what was sent: all up to `revision`, and `details` beyond it. Announcements repeat transitions until they are
 * proved, and each is to be published once. A crash before this publishes again, under the same ids.
 */
async function remember(cells: Cells<NotificationState>, key: string, revisions: readonly number[]): Promise<void> {
  for (let tries = 0; tries < MAXIMUM_CONFLICTS; tries += 1) {
    const found = await cells.read({ key });
    const before = found?.value ?? NOTHING_SENT;
    const sent = new Set([...before.details, ...revisions]);
    let { revision } = before;
    while (sent.has(revision + 1)) revision += 1;
    const value = { ...before, revision, details: [...sent].filter((one) => one > revision).sort((a, b) => a - b) };
    if ((await cells.write({ key, value, expected: found?.version ?? 'absent' })) !== 'conflict') return;
  }
}

function transitionMessage({ execution, plan, trace }: Notice, transition: Transition, page: string) {
  const stage = plan.stages.find(({ id }) => id === transition.stage);
  const data: TransitionEventData = {
    execution: execution.id,
    pipeline: execution.pipeline,
    team: execution.team,
    revision: transition.revision,
    at: new Date(transition.at).toISOString(),
    is: transition.is,
    stage: stage === undefined ? null : { id: stage.id, kind: stage.kind, target: stage.target ?? null },
    status: transition.status,
    reason: transition.reason ?? null,
    images: plan.images,
    page,
  };
  return cloudEvent({
    id: `${execution.id}/${transition.revision}`,
    source: `/gennaker/pipelines/${execution.pipeline}`,
    type: TRANSITION_EVENT_TYPE,
    subject: execution.id,
    time: transition.at,
    trace,
    data,
  });
}
