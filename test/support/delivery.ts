/** The pipeline of the end-to-end tests, one for each case, and the questions that all of them ask of what it did. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cluster, LiveObject } from '../../shared/ports/cluster.ts';
import type { Face } from './face.ts';
import type { SlackMessageRecord, SlackServer } from './slack-server.ts';
import { until } from './until.ts';

export const SLACK_TOKEN = 'xoxb-of-the-test';
export const SLACK_CHANNELS = [{ id: 'C0000DEPLOY', name: 'items-deploys' }];
/** Of the topic that carries a CloudEvent for each transition. */
export const NOTIFY_TOPIC = 'items-transitions';

/** How long the holder of a Slack message that was killed may keep others from it, and some. */
const SLACK_WITHIN_MS = 120_000;

/** Applies a pipeline that is named like its namespace, through the command line. */
export async function applyDelivery(
  face: Face,
  command: { readonly name: string; readonly repository: string; readonly farEnd: string },
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'gennaker-delivery-'));
  try {
    mkdirSync(join(folder, 'k8s'));
    writeFileSync(join(folder, 'gennaker.yaml'), pipelineText(command));
    for (const [index, manifest] of manifests(command).entries()) {
      writeFileSync(join(folder, 'k8s', `${index}.json`), JSON.stringify(manifest));
    }
    const applied = await face.gennaker(['apply', 'gennaker.yaml'], folder);
    if (applied.exit !== 0) throw new Error(`gennaker apply ended with ${applied.exit}:\n${applied.stderr}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A rollout, a webhook, and a second delivery that is only written when both are done. */
function pipelineText({ name, repository, farEnd }: { name: string; repository: string; farEnd: string }): string {
  return `
pipeline: ${name}
team: ${name}
images:
  api: { repository: "${repository}", tag: "*" }
on:
  - push: api
manifests: { files: ["k8s/*.json"] }
concurrency: { when-busy: queue }
notify:
  - slack: "#${SLACK_CHANNELS[0]?.name}"
  - pubsub: ${NOTIFY_TOPIC}
stages:
  release:
    uses: deploy
    target: jp
    with: { except: [{ kind: ConfigMap }] }
  announce:
    needs: release
    uses: webhook
    with: { url: "${farEnd}/${name}" }
  settings:
    needs: announce
    uses: deploy
    target: jp
    with: { select: [{ kind: ConfigMap }] }
`;
}

function manifests({ name, repository }: { name: string; repository: string }): readonly object[] {
  const labels = { app: name };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'api', image: repository }] } };
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name },
      spec: { replicas: 2, selector: { matchLabels: labels }, template },
    },
    { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { selector: labels, ports: [{ port: 80 }] } },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `${name}-settings` }, data: { mode: 'a' } },
  ];
}

type Deployment = {
  readonly spec: {
    readonly template: { readonly spec: { readonly containers: readonly { readonly image: string }[] } };
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly updatedReplicas?: number;
    readonly readyReplicas?: number;
  };
};

/** The delivery's Deployment as the API server has it: what a test asserts of it. */
export async function deploymentOf(cluster: Cluster, name: string) {
  const live = await cluster.get({ ref: { apiVersion: 'apps/v1', kind: 'Deployment', name, namespace: name } });
  if (live === undefined) return undefined;
  const { spec, status } = live as LiveObject & Deployment;
  const { items: replicaSets } = await cluster.list({ apiVersion: 'apps/v1', kind: 'ReplicaSet', namespace: name });
  return {
    image: spec.template.spec.containers[0]?.image,
    /** Grows with each change of what is asked for. */
    generation: live.metadata.generation,
    isObserved: status?.observedGeneration === live.metadata.generation,
    updated: status?.updatedReplicas ?? 0,
    ready: status?.readyReplicas ?? 0,
    /** One for each version that was ever rolled out. */
    replicaSets: replicaSets.length,
  };
}

/** The last object that the delivery writes, or undefined. */
export function settingsOf(cluster: Cluster, name: string): Promise<LiveObject | undefined> {
  return cluster.get({ ref: { apiVersion: 'v1', kind: 'ConfigMap', name: `${name}-settings`, namespace: name } });
}

/** The messages in the channel itself that are about the execution, once one of them says `text`. */
export function slackMessages(slack: SlackServer, id: string, text: string): Promise<readonly SlackMessageRecord[]> {
  const about = () => slack.topLevel().filter(({ metadata }) => metadata?.event_payload.execution === id);
  const look = () => (about().some((message) => message.text.includes(text)) ? about() : undefined);
  return until(`Slack to say "${text}" of ${id}`, look, { withinMs: SLACK_WITHIN_MS, state: about });
}
