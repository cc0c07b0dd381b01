import { expect, it } from 'vitest';
import { artifactRegistryLogin } from './clusters.ts';

it.each([
  'evilgcr.io',
  'gcr.io.example.com',
  'evilpkg.dev',
  'pkg.dev',
  'ghcr.io',
  'asia-docker.pkg.dev:8443.example.com',
])('the function shows its identity to no other registry than those of Google: %s', async (host) => {
  expect(await artifactRegistryLogin(host)).toBeUndefined();
});
