/** What each source's sender documents that it sends, for the tests that hold for all sources. */
import type { Sample } from './testing-sample.ts';

const COMMIT = 'da1560886d4f094c3e6c9ef40349f7d38b5d27d7';
const DIGEST = `sha256:${'8a9e'.repeat(16)}`;

const github = (event: string) => ({
  source: 'github',
  proof: { signature: 'x-hub-signature-256' },
  headers: { 'x-github-event': event, 'x-github-delivery': '72d3162e-cc78-11e3-81ab-4c9367dc0958' },
});
const gitlab = (event: string) => ({
  source: 'gitlab',
  proof: { header: 'x-gitlab-token' },
  headers: { 'x-gitlab-event': event, 'idempotency-key': 'f5e5f430-f57b-4e6e-9fac-d9128cd7232f' },
});
const bitbucket = (event: string) => ({
  source: 'bitbucket',
  proof: { signature: 'x-hub-signature' },
  headers: { 'x-event-key': event, 'x-request-uuid': 'a4b1b6b9-0d3e-4d3e-9b3b-8a2c8d2a2f11' },
});
const GITHUB_REPOSITORY = {
  full_name: 'Codertocat/Hello-World',
  clone_url: 'https://github.com/Codertocat/Hello-World.git',
};
const HELLO = 'github.com/codertocat/hello-world';
const GITLAB_PROJECT = {
  name: 'Diaspora',
  git_http_url: 'http://example.com/mike/diaspora.git',
  path_with_namespace: 'mike/diaspora',
};
const BITBUCKET_REPOSITORY = {
  full_name: 'team_name/repo_name',
  links: { html: { href: 'https://bitbucket.org/team_name/repo_name' } },
};
const harborResources = {
  resources: [{ digest: DIGEST, tag: 'latest', resource_url: 'hub.harbor.com/test-webhook/debian:latest' }],
  repository: {
    name: 'debian',
    namespace: 'test-webhook',
    repo_full_name: 'test-webhook/debian',
    repo_type: 'private',
  },
};
const distribution = {
  events: [
    {
      id: '320678d8-ca14-430f-8bb6-4ca139cd83f7',
      timestamp: '2016-03-09T14:44:26.402973972-08:00',
      action: 'push',
      target: {
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        size: 708,
        digest: DIGEST,
        repository: 'hello-world',
        tag: 'latest',
      },
      request: { id: '6df24a34-0959-4923-81ca-14f09767db19', host: 'registry.example.com', method: 'PUT' },
    },
  ],
};
const gitHubPackage = {
  id: 10696,
  name: 'hello_docker',
  namespace: 'github-samples',
  package_type: 'CONTAINER',
  owner: { login: 'github-samples' },
  package_version: {
    id: 28771,
    package_url: 'ghcr.io/github-samples/hello_docker:latest',
    container_metadata: { tag: { name: 'latest', digest: DIGEST } },
  },
};
const packageImage = { image: { repository: 'ghcr.io/github-samples/hello_docker', tag: 'latest', digest: DIGEST } };

export const SAMPLES: readonly Sample[] = [
  {
    source: 'docker-distribution',
    what: 'a pushed image',
    proof: { header: 'authorization', prefix: 'Bearer ' },
    body: distribution,
    event: { image: { repository: 'registry.example.com/hello-world', tag: 'latest', digest: DIGEST } },
  },
  {
    source: 'gitlab-registry',
    what: 'a pushed image',
    proof: { header: 'x-gitlab-token' },
    body: distribution,
    event: { source: 'gitlab-registry', image: { repository: 'registry.example.com/hello-world', tag: 'latest' } },
  },
  {
    source: 'docker-hub',
    what: 'a pushed image',
    proof: 'path',
    body: {
      callback_url:
        'https://registry.hub.docker.com/u/svendowideit/testhook/hook/2141b5bi5i5b02bec211i4eeih0242eg11000a/',
      push_data: { pushed_at: 1417566161, pusher: 'trustedbuilder', tag: 'latest' },
      repository: { name: 'testhook', namespace: 'svendowideit', repo_name: 'svendowideit/testhook' },
    },
    event: { image: { repository: 'docker.io/svendowideit/testhook', tag: 'latest' } },
  },
  {
    source: 'quay',
    what: 'a pushed image',
    proof: 'path',
    body: {
      name: 'repository',
      repository: 'mynamespace/repository',
      namespace: 'mynamespace',
      docker_url: 'quay.io/mynamespace/repository',
      homepage: 'https://quay.io/repository/mynamespace/repository',
      updated_tags: ['latest'],
    },
    event: { image: { repository: 'quay.io/mynamespace/repository', tag: 'latest', isRepeatable: true } },
    isRepeatable: true,
  },
  {
    source: 'harbor',
    what: 'a pushed image, in its own format',
    proof: { header: 'authorization' },
    body: { type: 'PUSH_ARTIFACT', occur_at: 1680501893, operator: 'harbor-jobservice', event_data: harborResources },
    event: { image: { repository: 'hub.harbor.com/test-webhook/debian', tag: 'latest', digest: DIGEST } },
  },
  {
    source: 'harbor',
    what: 'a pushed image, as a CloudEvent',
    proof: { header: 'authorization' },
    body: {
      specversion: '1.0',
      id: '66dacd67-1d2f-4a9a-8b7c-3b4a1a2c8f0e',
      requestid: 'a2dc9ae2-7b6c-4c38-9c84-5a5c1c3b6b1b',
      source: '/projects/2/webhook/policies/15',
      type: 'harbor.artifact.pushed',
      datacontenttype: 'application/json',
      time: '2023-04-03T06:04:53Z',
      data: harborResources,
      operator: 'harbor-jobservice',
    },
    event: { image: { repository: 'hub.harbor.com/test-webhook/debian', tag: 'latest', digest: DIGEST } },
  },
  {
    ...github('package'),
    what: 'a pushed image, to the hook of a repository',
    body: { action: 'published', package: gitHubPackage, repository: GITHUB_REPOSITORY },
    event: packageImage,
  },
  {
    ...github('registry_package'),
    what: 'a pushed image, to that of an app',
    body: { action: 'updated', registry_package: gitHubPackage },
    event: packageImage,
  },
  {
    ...github('push'),
    what: 'a pushed tag',
    body: {
      ref: 'refs/tags/simple-tag',
      before: '0'.repeat(40),
      after: COMMIT,
      created: true,
      repository: GITHUB_REPOSITORY,
      pusher: { name: 'Codertocat', email: '21031067+Codertocat@users.noreply.github.com' },
      commits: [],
    },
    event: { type: 'commit-pushed', commit: { repository: HELLO, ref: 'refs/tags/simple-tag', after: COMMIT } },
  },
  {
    ...github('pull_request'),
    what: 'a merged pull request',
    body: {
      action: 'closed',
      number: 2,
      repository: GITHUB_REPOSITORY,
      sender: { login: 'Codertocat' },
      pull_request: {
        merged: true,
        merge_commit_sha: COMMIT,
        user: { login: 'octocat' },
        base: { ref: 'master' },
        head: { ref: 'changes', sha: 'ec26c3e57ca3a959ca5aad62de7213c562f8c821', repo: GITHUB_REPOSITORY },
      },
    },
    event: { type: 'pull-request-changed', pullRequest: { base: 'master', merged: { commit: COMMIT } } },
  },
  {
    ...github('release'),
    what: 'a release',
    body: {
      action: 'published',
      repository: GITHUB_REPOSITORY,
      release: {
        tag_name: '0.0.1',
        name: null,
        prerelease: false,
        html_url: 'https://github.com/Codertocat/Hello-World/releases/tag/0.0.1',
        author: { login: 'Codertocat' },
      },
    },
    event: { type: 'release-published', release: { repository: HELLO, tag: '0.0.1', by: 'Codertocat' } },
  },
  {
    ...github('workflow_run'),
    what: 'a workflow that ended',
    body: {
      action: 'completed',
      repository: GITHUB_REPOSITORY,
      workflow_run: {
        id: 289782451,
        name: 'Build',
        head_branch: 'master',
        head_sha: COMMIT,
        event: 'push',
        status: 'completed',
        conclusion: 'success',
        html_url: 'https://github.com/Codertocat/Hello-World/actions/runs/289782451',
        head_repository: { full_name: 'Codertocat/Hello-World' },
      },
    },
    event: { build: { by: 'github-actions', of: HELLO, name: 'Build', status: 'success', branch: 'master' } },
  },
  {
    ...gitlab('Push Hook'),
    what: 'a push whose list of commits was cut',
    body: {
      object_kind: 'push',
      ref: 'refs/heads/master',
      before: '95790bf891e76fee5e1747ab589903a6a1f80f22',
      after: COMMIT,
      checkout_sha: COMMIT,
      user_username: 'jsmith',
      project: GITLAB_PROJECT,
      commits: [{ id: COMMIT, author: { name: 'Jordi', email: 'jordi@example.com' }, added: ['CHANGELOG'] }],
      total_commits_count: 4,
    },
    event: { commit: { repository: 'example.com/mike/diaspora', ref: 'refs/heads/master', paths: undefined } },
  },
  {
    ...gitlab('Merge Request Hook'),
    what: 'a merged merge request',
    body: {
      object_kind: 'merge_request',
      user: { username: 'root' },
      project: GITLAB_PROJECT,
      object_attributes: {
        iid: 1,
        action: 'merge',
        state: 'merged',
        source_branch: 'ms-viewport',
        target_branch: 'master',
        source_project_id: 14,
        target_project_id: 14,
        merge_commit_sha: COMMIT,
        last_commit: { id: COMMIT, author: { name: 'GitLab dev user', email: 'gitlabdev@dv6700.(none)' } },
      },
    },
    event: { pullRequest: { number: 1, base: 'master', isFork: false, merged: { commit: COMMIT } } },
  },
  {
    ...gitlab('Release Hook'),
    what: 'a release',
    body: {
      object_kind: 'release',
      action: 'create',
      tag: 'v1.1',
      name: 'v1.1',
      url: 'https://example.com/gitlab-org/release-webhook-example/-/releases/v1.1',
      project: GITLAB_PROJECT,
      commit: { id: COMMIT, author: { name: 'Example User', email: 'user@example.com' } },
    },
    event: { release: { repository: 'example.com/mike/diaspora', tag: 'v1.1', commit: COMMIT } },
  },
  {
    ...gitlab('Pipeline Hook'),
    what: 'a pipeline that ended',
    body: {
      object_kind: 'pipeline',
      project: GITLAB_PROJECT,
      user: { username: 'root' },
      object_attributes: {
        id: 31,
        name: 'Pipeline for branch: master',
        ref: 'master',
        tag: false,
        sha: COMMIT,
        status: 'success',
        url: 'http://example.com/gitlab-org/gitlab-test/-/pipelines/31',
      },
    },
    event: { build: { by: 'gitlab', of: 'example.com/mike/diaspora', number: '31', branch: 'master' } },
  },
  {
    ...bitbucket('repo:push'),
    what: 'a push',
    body: {
      actor: { nickname: 'emmap1', display_name: 'Emma' },
      repository: BITBUCKET_REPOSITORY,
      push: {
        changes: [
          {
            new: { type: 'branch', name: 'name-of-branch', target: { hash: COMMIT } },
            old: {
              type: 'branch',
              name: 'name-of-branch',
              target: { hash: '1e65c05c1d5171631d92438a13901ca7dae9618c' },
            },
            truncated: false,
            commits: [{ hash: COMMIT, author: { raw: 'Emma <emma@example.com>' } }],
          },
        ],
      },
    },
    event: { commit: { repository: 'bitbucket.org/team_name/repo_name', authors: ['Emma', 'emma@example.com'] } },
  },
  {
    ...bitbucket('pullrequest:fulfilled'),
    what: 'a merged pull request',
    body: {
      actor: { nickname: 'emmap1' },
      repository: BITBUCKET_REPOSITORY,
      pullrequest: {
        id: 1,
        author: { nickname: 'evzijst' },
        source: {
          branch: { name: 'branch2' },
          commit: { hash: 'd3022fc0ca3d' },
          repository: { full_name: 'team_name/repo_name' },
        },
        destination: { branch: { name: 'master' } },
        merge_commit: { hash: '764413d85e29' },
      },
    },
    event: { pullRequest: { number: 1, base: 'master', isFork: false, merged: {} } },
  },
  {
    source: 'git',
    what: 'a push',
    proof: { header: 'authorization', prefix: 'Bearer ' },
    path: 'items',
    body: { delivery: '1-2', ref: 'refs/heads/main', after: COMMIT, by: 'aki' },
    event: { commit: { registered: 'items', ref: 'refs/heads/main', after: COMMIT } },
  },
  {
    source: 'jenkins',
    what: 'a build that ended',
    proof: 'path',
    body: {
      name: 'asgard',
      display_name: 'asgard',
      url: 'job/asgard/',
      build: {
        full_url: 'http://localhost:8080/job/asgard/18/',
        number: 18,
        phase: 'FINALIZED',
        status: 'SUCCESS',
        url: 'job/asgard/18/',
        scm: { url: 'https://github.com/evgeny-goldin/asgard.git', branch: 'origin/master', commit: COMMIT },
        artifacts: {},
      },
    },
    event: { build: { by: 'jenkins', of: 'asgard', number: '18', status: 'success', branch: 'master' } },
  },
  {
    source: 'artifact-registry',
    what: 'a pushed image',
    body: {
      action: 'INSERT',
      digest: `us-east1-docker.pkg.dev/my-project/my-repo/hello-world@${DIGEST}`,
      tag: 'us-east1-docker.pkg.dev/my-project/my-repo/hello-world:1.1',
    },
    event: { image: { repository: 'us-east1-docker.pkg.dev/my-project/my-repo/hello-world', tag: '1.1' } },
  },
  {
    source: 'cloud-build',
    what: 'a build that ended',
    attributes: { buildId: '7ff2d7b4', status: 'SUCCESS' },
    body: {
      id: '7ff2d7b4-1234-4d3c-b0d2-0e6a2f1c9e11',
      projectId: 'my-project',
      status: 'SUCCESS',
      logUrl: 'https://console.cloud.google.com/cloud-build/builds/7ff2d7b4',
      substitutions: { TRIGGER_NAME: 'items-release', BRANCH_NAME: 'main', COMMIT_SHA: COMMIT },
      results: { images: [{ name: 'gcr.io/my-project/items:1.2.3', digest: DIGEST }] },
    },
    event: {
      build: {
        of: 'my-project',
        name: 'items-release',
        images: [{ repository: 'gcr.io/my-project/items', tag: '1.2.3', digest: DIGEST }],
      },
    },
  },
  {
    source: 'cloud-storage',
    what: 'a written object',
    attributes: {
      notificationConfig: 'projects/_/buckets/xyz/notificationConfigs/1',
      eventType: 'OBJECT_FINALIZE',
      payloadFormat: 'JSON_API_V1',
      bucketId: 'my-bucket',
      objectId: 'releases/items.tgz',
      objectGeneration: '1495211689214000',
    },
    body: { kind: 'storage#object', name: 'releases/items.tgz', contentType: 'application/gzip', size: '1024' },
    event: { object: { bucket: 'my-bucket', name: 'releases/items.tgz', generation: '1495211689214000', size: 1024 } },
  },
  {
    source: 'pubsub',
    what: 'a message',
    subscription: 'projects/acme/subscriptions/gennaker-pubsub-releases',
    attributes: { kind: 'release' },
    body: { status: 'READY' },
    event: { message: { subscription: 'releases', attributes: { kind: 'release' } } },
  },
  {
    source: 'pubsub',
    what: 'a CDEvent of a published artifact',
    subscription: 'projects/acme/subscriptions/gennaker-pubsub-artifacts',
    attributes: { 'content-type': 'application/cloudevents+json' },
    body: {
      specversion: '1.0',
      id: '271069a8-fc18-44f1-b38f-9d70a1695819',
      source: '/event/source/123',
      type: 'dev.cdevents.artifact.published.0.3.0',
      datacontenttype: 'application/json',
      data: {
        context: {
          specversion: '0.5.1',
          id: '271069a8-fc18-44f1-b38f-9d70a1695819',
          chainId: '4c8cb7dd-3448-41de-8768-eec704e2829b',
          source: '/event/source/123',
          type: 'dev.cdevents.artifact.published.0.3.0',
          timestamp: '2023-03-20T14:27:05.315384Z',
        },
        subject: {
          id: `pkg:oci/myapp@${encodeURIComponent(DIGEST)}?repository_url=mycr.io/myapp&tag=1.2.3`,
          source: '/event/source/123',
          content: { user: 'mybot-myapp' },
        },
      },
    },
    event: { message: { subscription: 'artifacts' } },
    wants: {
      on: { pubsub: { subscription: 'artifacts', format: 'cdevents', image: 'api' } },
      images: { api: { repository: 'mycr.io/myapp', semver: '>=1.0.0' } },
    },
  },
];
