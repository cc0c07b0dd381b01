import { describe, expect, it } from 'vitest';
import { parsePipelines } from '../pipeline/parse.ts';
import type { AppliedPipeline } from '../ports/pipelines.ts';
import { stageKinds } from '../stages/registry.ts';
import { copyPipeline } from './copy-pipeline.ts';

const SOURCE = `# Japan first.
pipeline: items-api
team: items

images:
  api: { repository: acme.dev/items/items-api, semver: ">=1.0.0" }   # the service
on:
  - push: api
manifests: { files: [k8s/*.yaml] }
notify: [{ slack: "#items-api-deploys" }, { slack: "#items-api" }]
stages:
  # One after the other.
  jp: { uses: deploy, target: jp, with: { select: [{ kind: Deployment, name: items-api }] } }
  tell:
    uses: webhook
    needs: jp
    with: { url: "https://hooks.acme.dev/items-api", body: { image: acme.dev/items/items-api } }
---
pipeline: items-batch
stages: { pause: { uses: wait, with: { for: 1s } } }
`;
const FILES = { 'k8s/deployment.yaml': 'kind: Deployment' };

const [DEFINITION] = (() => {
  const parsed = parsePipelines({ file: 'gennaker.yaml', text: SOURCE, kinds: stageKinds() });
  return 'pipelines' in parsed ? parsed.pipelines : [];
})();

const copied = async (name: string, source = SOURCE, isKept = true) => {
  const pipeline: AppliedPipeline = {
    format: 1,
    name: 'items-api',
    team: 'items',
    file: 'gennaker.yaml',
    definition: JSON.parse(JSON.stringify(DEFINITION)),
    appliedAt: 0,
    generation: 1,
    source: 'source',
    files: 'files',
  };
  const blobs: { readonly [hash: string]: string } = {
    ...(isKept ? { source } : {}),
    files: JSON.stringify(FILES),
  };
  return copyPipeline(
    {
      pipelines: {
        get: async ({ name: wanted }) => (wanted === 'items-api' ? pipeline : undefined),
        list: async () => [pipeline],
      },
      blobs: { get: async ({ hash }) => blobs[hash] },
    },
    { name },
  );
};

describe('a copy of a pipeline', () => {
  it('has inputs for its names and images, and keeps the comments', async () => {
    const copy = await copied('items-api');
    expect(copy.is === 'copied' && copy.text).toMatchInlineSnapshot(`
      "# A copy of the pipeline items-api of the team items. Give it a name and a team of yours, and let the
      # defaults of its inputs say what it is to deliver.

      # Japan first.
      pipeline: items-api-copy
      team: items
      inputs:
        api_repository: { type: string, default: acme.dev/items/items-api }
        name: { type: string, default: items-api }

      images:
        api: { repository: "\${{ inputs.api_repository }}", semver: ">=1.0.0" } # the service
      on:
        - push: api
      manifests: { files: [ k8s/*.yaml ] }
      notify: [ { slack: "#items-api-deploys" }, { slack: "#\${{ inputs.name }}" } ]
      stages:
        # One after the other.
        jp: { uses: deploy, target: jp, with: { select: [ { kind: Deployment, name: "\${{ inputs.name }}" } ] } }
        tell:
          uses: webhook
          needs: jp
          with: { url: "https://hooks.acme.dev/\${{ inputs.name }}", body: { image: "\${{ inputs.api_repository }}" } }
      "
    `);
    expect(copy).toMatchObject({ files: FILES });
  });

  it('is right as it stands, under a name of its own', async () => {
    const copy = await copied('items-api');
    const text = copy.is === 'copied' ? copy.text : '';
    const parsed = parsePipelines({ file: 'gennaker.yaml', text, kinds: stageKinds() });
    expect(parsed).toMatchObject({ pipelines: [{ pipeline: 'items-api-copy', team: 'items' }] });
  });

  it('of which the file is not kept is printed, without its comments', async () => {
    const copy = await copied('items-api', SOURCE, false);
    const text = copy.is === 'copied' ? copy.text : '';
    expect(text).not.toContain('Japan first');
    const parsed = parsePipelines({ file: 'gennaker.yaml', text, kinds: stageKinds() });
    expect(parsed).toMatchObject({ pipelines: [{ pipeline: 'items-api-copy', stages: { tell: { needs: ['jp'] } } }] });
  });

  it('leaves alone the inputs that there are', async () => {
    const source = SOURCE.replace('on:\n', 'inputs: { name: { type: string, default: x } } # own\non:\n');
    const copy = await copied('items-api', source);
    expect(copy.is === 'copied' && copy.text).toContain('name_2: { type: string, default: items-api }');
  });

  it('names the pipeline that was probably meant', async () => {
    expect(await copied('items-ap')).toEqual({
      is: 'unknown',
      message: 'There is no pipeline "items-ap"; did you mean "items-api"?',
    });
  });
});
