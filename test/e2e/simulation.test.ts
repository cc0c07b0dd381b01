/** What `gennaker simulate` shows of a pipeline is what the whole system does with it, times aside. */

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Timeline, type TimelineEntry } from '../../cli/simulate/timeline.ts';
import type { System } from '../../cli/system/system.ts';
import type { Execution } from '../../shared/core/run.ts';
import { requireControlPlane, startControlPlane } from '../support/control-plane.ts';
import { endOf, executionOf, type Face, faceOf, stageOf, wholeHistory } from '../support/face.ts';
import { hasEmulators, startGoogleSystem } from '../support/google-system.ts';
import { HOOK_SECRET, startMemorySystem, TOKEN } from '../support/memory-system.ts';
import {
  type AnsweringFarEnd,
  type PreparedCase,
  played,
  prepare,
  SIMULATION_CASES,
  startAnsweringFarEnd,
  TARGET,
  told,
} from '../support/simulation-cases.ts';

type Hook = { readonly url: string; readonly secret: string };

/** Lets what the registry sends arrive, does what people do, and waits for the end. */
async function runForReal(face: Face, hook: Hook, one: PreparedCase) {
  const { name, body, cancelOnce } = one;
  const answer = await fetch(hook.url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${hook.secret}`,
      'content-type': 'application/vnd.docker.distribution.events.v1+json',
    },
    body: JSON.stringify(body),
  });
  expect(answer.status, await answer.text()).toBe(202);
  const { id } = await executionOf(face, name);
  if (cancelOnce !== undefined) {
    await executionOf(face, name, (execution) => stageOf(execution, cancelOnce)?.status === 'waiting');
    await face.api.cancel(id, { by: 'somebody' });
  }
  const ended = await endOf(face, id);
  const history = await wholeHistory(face, ended);
  return { ended, told: told(ended.status, history, ended.stages) };
}

async function playedAndTold(one: PreparedCase) {
  const simulated = await played(one);
  const { execution, history } = simulated;
  const end = execution.phase.is === 'ended' ? execution.phase.end : execution.phase.is;
  return { simulated, told: told(end, history, execution.stages) };
}

/** Each stage with all that it went through. */
function paths(entries: readonly TimelineEntry[]) {
  const own = entries.filter(({ stage }) => stage !== undefined);
  const text = ({ status, attempts, reason }: TimelineEntry): string =>
    `${status}, attempt ${attempts}${reason === undefined ? '' : `: ${reason.code}`}`;
  return Object.fromEntries([...Map.groupBy(own, ({ stage = '' }) => stage)].map(([id, all]) => [id, all.map(text)]));
}

describe('simulate and the embedded system in real time', () => {
  const parts = new AsyncDisposableStack();
  const commits = new Map<string, Execution[]>();
  let system: System;
  let farEnd: AnsweringFarEnd;

  beforeAll(async () => {
    farEnd = await startAnsweringFarEnd();
    parts.defer(() => farEnd.stop());
    ({ system } = await startMemorySystem({
      environment: { GENNAKER_ALLOWED_HOSTS: '127.0.0.1' },
      wrap: (ports) => {
        const { commit } = ports.executions;
        ports.executions.commit = async (command) => {
          const result = await commit.call(ports.executions, command);
          if (result.is === 'conflict') return result;
          for (const write of command.writes) {
            if (write.document !== 'execution') continue;
            commits.set(write.value.pipeline, [...(commits.get(write.value.pipeline) ?? []), write.value]);
          }
          return result;
        };
        return ports;
      },
    }));
    parts.defer(() => system.stop());
  });
  afterAll(() => parts.disposeAsync());

  for (const one of SIMULATION_CASES) {
    it.concurrent(`do the same: ${one.shows}`, async () => {
      const prepared = prepare(one, farEnd.url);
      const { text, files, name } = prepared;
      const applied = await system.apply({ file: 'gennaker.yaml', text, files });
      expect(applied).toMatchObject({ is: 'applied' });
      const face = faceOf({ url: system.url, token: TOKEN });
      const hook = { url: `${system.url}/hooks/docker-distribution`, secret: HOOK_SECRET };
      const [real, simulation] = await Promise.all([runForReal(face, hook, prepared), playedAndTold(prepared)]);
      expect(simulation.told.end).toBe(one.end);
      expect(simulation.told).toEqual(real.told);

      const timeline = new Timeline(simulation.simulated.plan, Date.parse(real.ended.createdAt));
      for (const commit of commits.get(name) ?? []) timeline.add(commit);
      expect(paths(simulation.simulated.timeline)).toEqual(paths(timeline.entries));
    });
  }
});

const isComplete = [requireControlPlane(), hasEmulators()].every(Boolean);

describe.skipIf(!isComplete)('simulate and the deployed functions on the emulators', () => {
  const parts = new AsyncDisposableStack();
  let google: Awaited<ReturnType<typeof startGoogleSystem>>;
  let farEnd: AnsweringFarEnd;

  beforeAll(async () => {
    farEnd = await startAnsweringFarEnd();
    parts.defer(() => farEnd.stop());
    const plane = await startControlPlane();
    parts.defer(() => plane.stop());
    google = await startGoogleSystem({
      targets: { [TARGET]: { kubeconfig: plane.kubeconfigPath, context: plane.contextName } },
      notifyTopic: 'unused',
      env: { GENNAKER_ALLOWED_HOSTS: '127.0.0.1', GENNAKER_SECRET_CALLBACK_KEY: 'the-key-of-call-backs-of-this-test' },
    });
    parts.defer(() => google.stop());
  }, 200_000);
  afterAll(() => parts.disposeAsync());

  for (const one of SIMULATION_CASES) {
    it.concurrent(`do the same: ${one.shows}`, async () => {
      const prepared = prepare(one, farEnd.url);
      await applyByFile(google, prepared);
      const [real, simulation] = await Promise.all([
        runForReal(google, google.hook, prepared),
        playedAndTold(prepared),
      ]);
      expect(simulation.told).toEqual(real.told);
    });
  }
});

/** Through the command line, as a person does. */
async function applyByFile(face: Face, { text, files }: PreparedCase): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'gennaker-simulation-'));
  try {
    for (const [path, content] of Object.entries({ ...files, 'gennaker.yaml': text })) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content);
    }
    const applied = await face.gennaker(['apply', 'gennaker.yaml'], folder);
    expect(applied.exit, applied.stderr).toBe(0);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
