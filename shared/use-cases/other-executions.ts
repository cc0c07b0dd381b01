/** How stages reach other executions: through the same requests, events and documents as people do. */
import type { Json } from '../core/json.ts';
import type { Execution } from '../core/run.ts';
import { readDefinition } from '../pipeline/parse.ts';
import type { Inbox } from '../ports/inbox.ts';
import type { OtherExecution, OtherExecutions } from '../ports/other-executions.ts';
import type { Pipelines } from '../ports/pipelines.ts';
import { stageEventId } from '../triggers/manual/source.ts';
import { MAXIMUM_CHAIN } from '../triggers/source.ts';
import { executionIdOf, type StatePorts } from './engine.ts';
import { requestRun } from './request-run.ts';
import { stopExecution } from './stop-execution.ts';
import { namesBehind } from './who-caused.ts';

/** How many executions of a pipeline are looked through for one that ended as wanted. */
const MAXIMUM_LOOKED_AT = 100;
/** What the outputs of another execution may take in all, in characters of JSON; stages beyond it are left out. */
const MAXIMUM_OUTPUT_CHARACTERS = 32 * 1024;

type Ports = StatePorts & {
  readonly pipelines: Pick<Pipelines, 'get' | 'list'>;
  readonly inbox: Pick<Inbox, 'get'>;
};

export function otherExecutions(ports: Ports): OtherExecutions {
  return {
    async start({ parent, key, pipeline, inputs, images, isWaitedFor }) {
      const found = await ports.executions.readExecution({ id: parent });
      if (found === undefined) return { is: 'refused', text: `There is no execution ${parent}.`, isCycle: false };
      const { trigger, pipeline: own } = found.value;
      const chain = [...(trigger.chain ?? []), own];
      if (chain.includes(pipeline)) {
        const text = `${[...chain, pipeline].join(' runs ')}: a pipeline that runs itself would never end.`;
        return { is: 'refused', text, isCycle: true };
      }
      if (chain.length >= MAXIMUM_CHAIN) {
        const text = `${chain.length} pipelines run one another already; at most ${MAXIMUM_CHAIN} may.`;
        return { is: 'refused', text, isCycle: true };
      }
      const group = isWaitedFor ? await onlySlotOf(ports.pipelines, pipeline) : undefined;
      if (group !== undefined && group === found.value.group) {
        const text = `${own} and ${pipeline} are both in the group ${group}, which lets one run at a time: ${own} would wait for ever.`;
        return { is: 'refused', text, isCycle: true };
      }
      const by = trigger.by ?? `the pipeline ${own}`;
      const people = namesBehind(trigger);
      const answer = await requestRun(ports, { pipeline, inputs, images, by, requestId: key, chain, people });
      switch (answer.is) {
        case 'accepted':
          return { is: 'requested', execution: answer.execution, event: answer.event };
        case 'unknown': {
          const hint = answer.nearest === undefined ? '.' : `; did you mean ${answer.nearest}?`;
          return { is: 'refused', text: `There is no pipeline ${pipeline}${hint}`, isCycle: false };
        }
        case 'wrong':
          return { is: 'refused', text: `${pipeline} cannot run so: ${answer.problems.join('; ')}`, isCycle: false };
      }
    },
    requested({ key, pipeline }) {
      const event = stageEventId(key);
      return { event, execution: executionIdOf(pipeline, event) };
    },
    async read({ id }) {
      const found = await ports.executions.readExecution({ id });
      return found === undefined ? undefined : describe(ports, found.value);
    },
    async whyNotStarted({ event }) {
      const verdicts = (await ports.inbox.get({ id: event }))?.verdicts ?? [];
      const failed = verdicts.flatMap((verdict) =>
        verdict.is === 'failed' || verdict.is === 'filtered' ? [verdict.text] : [],
      );
      return failed.length === 0 ? undefined : failed.join(' ');
    },
    async newest({ pipeline, end }) {
      const listed = await ports.executions.list({ pipeline, limit: MAXIMUM_LOOKED_AT });
      const found = listed.find(({ phase }) => phase.is === 'ended' && (end === undefined || phase.end === end));
      return found === undefined ? undefined : describe(ports, found);
    },
    async stop({ id, because }) {
      await stopExecution(ports, { id, because, end: 'cancelled' });
    },
  };
}

/** The group of the pipeline's executions where one of them may run at a time; undefined where more may, or it is not known yet. */
async function onlySlotOf(pipelines: Pick<Pipelines, 'get'>, name: string): Promise<string | undefined> {
  const pipeline = await pipelines.get({ name });
  if (pipeline === undefined) return undefined;
  const { concurrency } = readDefinition(pipeline.definition);
  return (concurrency?.limit ?? 1) === 1 ? (concurrency?.group ?? name) : undefined;
}

async function describe(ports: Ports, execution: Execution): Promise<OtherExecution> {
  const { id, pipeline, phase, stop } = execution;
  const { plan } = await ports.plans.get(execution.plan);
  const reason = phase.is === 'running' ? stop?.because : phase.reason;
  return {
    id,
    pipeline,
    ...(phase.is === 'ended' ? { end: phase.end, endedAt: phase.at } : {}),
    ...(reason === undefined ? {} : { reason }),
    images: plan.images,
    outputs: phase.is === 'ended' ? await outputsOf(ports, id) : {},
  };
}

async function outputsOf(ports: Ports, execution: string): Promise<{ readonly [stage: string]: Json }> {
  const runs = await ports.executions.readRuns({ execution });
  const outputs: { [stage: string]: Json } = {};
  let left = MAXIMUM_OUTPUT_CHARACTERS;
  for (const { value } of runs.toSorted((a, b) => (a.value.stage < b.value.stage ? -1 : 1))) {
    const { state, stage } = value;
    if (state.is !== 'ended' || state.end !== 'succeeded' || state.outputs === undefined || state.outputs === null) {
      continue;
    }
    left -= JSON.stringify(state.outputs).length;
    if (left < 0) break;
    outputs[stage] = state.outputs;
  }
  return outputs;
}
