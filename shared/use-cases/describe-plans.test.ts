import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../test/support/execution-fixtures.ts';
import { type Embedded, IN_MEMORY, openEmbedded } from '../adapters/embedded/index.ts';
import { HOLDS_KEY, NO_HOLDS } from '../ports/holds.ts';
import type { Team } from '../ports/repositories.ts';
import { stageKinds } from '../stages/registry.ts';
import { checkFiles, uploadsIn } from './apply-files.ts';
import { describePlans } from './describe-plans.ts';
import { documentParsers } from './documents.ts';
import type { PlanPipelinesPorts } from './plan-pipelines.ts';
import { planReader } from './plans.ts';
import { libraryOf } from './templates/library.ts';
import { lockedTemplates } from './templates/locked.ts';

const clock = manualClock();
const TEAM: Team = { format: 1, name: 'items', pipelines: ['items-*'], targets: ['jp'], namespaces: ['items'] };
const DIGEST = `sha256:${'a'.repeat(64)}`;

let embedded: Embedded;
let asked: string[];
let ports: PlanPipelinesPorts;

beforeEach(() => {
  asked = [];
  embedded = openEmbedded({ path: IN_MEMORY, clock, parse: documentParsers });
  ports = {
    ...embedded,
    plans: planReader(embedded.blobs),
    kinds: stageKinds(),
    targets: [{ name: 'jp', labels: {} }],
    openLibrary: libraryOf(embedded),
    lockedTemplates: lockedTemplates(embedded),
    renderer: { render: () => Promise.reject(new Error('nothing is rendered here')) },
    resolver: {
      async resolve({ repository }) {
        asked.push(repository);
        return { digest: DIGEST };
      },
    },
    clusterOf: async (target) => {
      asked.push(target);
      throw new Error(`the cluster of ${target} was asked for`);
    },
  };
});
afterEach(() => embedded.close());

const PIPELINE = `pipeline: items-api
team: items
images: { api: { repository: registry.example.com/items-api, tag: 1.0.0 } }
manifests: { files: [k8s.yaml] }
stages:
  release: { uses: deploy, target: jp }
`;
const WAITING = `pipeline: items-api
team: items
windows: [{ days: [mon, tue, wed, thu, fri, sat, sun], hours: 00:00-24:00 }]
stages:
  pause: { uses: wait, with: { for: 1s } }
`;
const deployment = (namespace: string): string => `apiVersion: apps/v1
kind: Deployment
metadata: { name: items-api, namespace: ${namespace} }
spec: { template: { spec: { containers: [{ name: api, image: registry.example.com/items-api }] } } }
`;

async function described(files: { [path: string]: string }, isFork: boolean) {
  const found = await uploadsIn(files);
  const checked = await checkFiles(ports, found);
  if ('problems' in checked) throw new Error(JSON.stringify(checked.problems));
  const describing = describePlans(ports, clock);
  const { openLibrary } = ports;
  const signal = AbortSignal.timeout(30_000);
  return describing({ pipelines: checked.checked, openLibrary, team: TEAM, isFork, signal });
}

describe('the plans of a pull request', () => {
  it('of a fork ask no registry and no cluster, whatever it names', async () => {
    const files = { 'gennaker.yaml': PIPELINE, 'k8s.yaml': deployment('items') };
    const { plans, problems } = await described(files, true);
    expect(problems).toEqual([]);
    expect(plans[0]?.text).toContain('registry.example.com/items-api:1.0.0 is not asked for, for a fork');
    expect(asked).toEqual([]);
  });

  it('that claim what the team may not have are a problem, and nothing that lives is looked at', async () => {
    const files = { 'gennaker.yaml': PIPELINE, 'k8s.yaml': deployment('kube-system') };
    const { plans, problems } = await described(files, false);
    expect(plans).toEqual([]);
    expect(problems).toEqual([
      expect.objectContaining({
        file: 'gennaker.yaml',
        message: expect.stringMatching(/^items-api claims what its team may not have: .*"kube-system" is not among/),
      }),
    ]);
    expect(asked).toEqual(['registry.example.com/items-api']);
  });

  it('tell what would hold an execution, to those of the team only what admins hold', async () => {
    const files = { 'gennaker.yaml': WAITING };
    const freezes = [{ id: 'week', scope: 'team:items', reason: 'holidays', by: 'aki', at: 0 }];
    await embedded.holds.write({ key: HOLDS_KEY, value: { ...NO_HOLDS, freezes }, expected: 'absent' });
    const own = (await described(files, false)).plans[0]?.text;
    expect(own).toContain(
      [
        '  gates   wait of 1s (pause)',
        '          team items is frozen until it is lifted (week, by aki): holidays',
        '          window of pipeline items-api daily 00:00-24:00 UTC, open now',
        '          begins when the freeze week is lifted',
      ].join('\n'),
    );
    const text = (await described(files, true)).plans[0]?.text;
    expect(text).toContain('          window of pipeline items-api daily 00:00-24:00 UTC, open now');
    expect(text).not.toContain('frozen');
  });

  it('are compared with what lives otherwise', async () => {
    const files = { 'gennaker.yaml': PIPELINE, 'k8s.yaml': deployment('items') };
    await expect(described(files, false)).rejects.toThrow('the cluster of jp was asked for');
  });
});
