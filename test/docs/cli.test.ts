import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { cliReference } from './cli-reference.ts';

const PAGE = fileURLToPath(new URL('../../docs/cli.md', import.meta.url));

it('docs/cli.md is what --help prints (npx vitest run --project docs -u writes it anew)', async () => {
  await expect(cliReference()).toMatchFileSnapshot(PAGE);
});
