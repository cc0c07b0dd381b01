/** The pipeline that is killed at each moment, and what its processes write down for the test. */

export const PIPELINE = 'items-api';
export const CHANNEL = '#items-deploys';

/** One write that took effect in the sandbox, as the process that made it noted at once. */
export type SandboxWrite = {
  readonly is: 'create' | 'apply';
  readonly object: string;
  readonly fence: string;
  readonly generation: number;
  readonly uid: string;
};

/** What came of an execution that was killed. */
export type Finished = {
  readonly folder: string;
  readonly id: string;
  readonly end: string;
  readonly revision: number;
  /** The revisions that were announced, in order. */
  readonly history: readonly number[];
};

const REPOSITORY = 'registry.example.com/items/items-api';

/** A stage of each kind: a rollout beside a wait, and a webhook after both. */
export function pipelineFile(farEnd: string): { file: string; text: string; files: { [path: string]: string } } {
  const labels = { app: PIPELINE };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'api', image: REPOSITORY }] } };
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: PIPELINE },
    spec: { replicas: 1, selector: { matchLabels: labels }, template },
  };
  const settings = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' }, data: { mode: 'a' } };
  const text = `
pipeline: ${PIPELINE}
images:
  api: { repository: ${REPOSITORY}, tag: "*" }
manifests: { files: ["*.json"] }
notify:
  - slack: "${CHANNEL}"
stages:
  release: { uses: deploy, target: jp }
  pause: { uses: wait, with: { for: 1s } }
  announce: { needs: [release, pause], uses: webhook, with: { url: "${farEnd}" } }
`;
  const files = { 'deployment.json': JSON.stringify(deployment), 'settings.json': JSON.stringify(settings) };
  return { file: 'gennaker.yaml', text, files };
}
