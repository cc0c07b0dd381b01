import { defineConfig } from 'vitest/config';

const project = (name: string, include: string[], timeoutMs = 20_000) => ({
  test: { name, include, testTimeout: timeoutMs, hookTimeout: Math.max(timeoutMs, 60_000) },
});

const simulation = project('simulation', ['test/simulation/**/*.test.ts'], 300_000);

export default defineConfig({
  test: {
    projects: [
      project('unit', ['{shared,functions,cli,console,examples}/**/*.test.ts']),
      project('contract', ['test/{contracts,core,stored}/**/*.test.ts'], 60_000),
      { ...simulation, test: { ...simulation.test, maxConcurrency: 2 } },
      project('cluster', ['test/cluster/**/*.test.ts'], 120_000),
      project('e2e', ['test/e2e/**/*.test.ts'], 180_000),
      project('browser', ['test/browser/**/*.test.ts'], 120_000),
      project('docs', ['test/docs/**/*.test.ts'], 120_000),
    ],
  },
});
