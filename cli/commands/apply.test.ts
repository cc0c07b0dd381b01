import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gennaker } from '../testing/system.ts';

const RIGHT = `pipeline: items-api
manifests: { files: [deploy/*.yaml] }
stages:
  pause: { uses: wait, with: { for: 1s } }
`;
const APPLY = 'PUT /api/pipelines';

let folder: string;
let right: string;
let wrong: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gennaker-apply-'));
  right = join(folder, 'right.yaml');
  wrong = join(folder, 'wrong.yaml');
  await mkdir(join(folder, 'deploy'));
  await writeFile(join(folder, 'deploy', 'service.yaml'), 'kind: Service');
  await writeFile(right, RIGHT);
  await writeFile(wrong, RIGHT.replace('uses: wait', 'uses: wayt'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('validate', () => {
  it('says what is in a file that is right, and asks no system', async () => {
    const { exitCode, stdout, asked } = await gennaker(`validate ${right}`);
    expect({ exitCode, stdout, asked }).toEqual({
      exitCode: 0,
      stdout: `${right}  is valid: items-api (1 stage)\n`,
      asked: [],
    });
  });

  it('names the place and the nearest known word of what is wrong', async () => {
    const { exitCode, stdout, stderr } = await gennaker(`validate ${right} ${wrong}`);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toMatch(/wrong\.yaml:4:\d+ {2}.*did you mean "wait"\?/u);
    expect(stderr).toMatch(/^1 problem in 1 file\.$/mu);
  });

  it('gives machines the problems as data', async () => {
    const { exitCode, stdout } = await gennaker(`validate ${wrong} -o json`);
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ problems: [{ file: wrong, line: 4 }] });
  });

  it('misses manifests that are not there', async () => {
    await rm(join(folder, 'deploy'), { recursive: true });
    expect((await gennaker(`validate ${right}`)).stderr).toContain('no file matches it');
  });
});

describe('apply', () => {
  it('sends the file with its manifests, and says what changed', async () => {
    const { exitCode, stdout, asked } = await gennaker(`apply ${right}`, {
      [APPLY]: { body: { pipelines: [{ name: 'items-api', change: 'created' }], notes: [] } },
    });
    expect(exitCode).toBe(0);
    expect(stdout).toBe('items-api  created\n\nStart it:  gennaker run items-api\n');
    expect(asked[0]?.body).toMatchObject({
      file: right,
      text: RIGHT,
      files: { 'deploy/service.yaml': 'kind: Service' },
    });
  });

  it('applies nothing while any file is wrong, and asks the system what else is', async () => {
    const { exitCode, stderr, asked } = await gennaker(`apply ${right} ${wrong}`);
    expect(exitCode).toBe(1);
    expect(asked.map(({ path }) => path)).toEqual(['/api/plans']);
    expect(stderr).toMatch(/1 problem in 1 file. Nothing was applied./);
    const message = 'stages.release.uses  "microservce": no such template; did you mean "microservice"?';
    const problems = [3, 4].map((line) => ({ file: wrong, line, column: 1, message }));
    const more = { status: 422, body: { error: { code: 'invalid-pipeline', message: '2 problems.', problems } } };
    const told = await gennaker(`apply ${wrong}`, { 'POST /api/plans': more });
    expect(told.stderr).toContain('2 problems in 1 file. Nothing was applied.');
  });

  it('says what was applied before the system refused', async () => {
    const problems = [{ file: right, line: 2, column: 1, message: 'deploy/service.yaml is no object of Kubernetes' }];
    const refused = { status: 422, body: { error: { code: 'invalid-pipeline', message: '1 problem.', problems } } };
    const first = await gennaker(`apply ${right}`, { [APPLY]: refused });
    expect(first.exitCode).toBe(1);
    expect(first.stderr).toContain('1 problem in 1 file. Nothing was applied.');
    const applied = { body: { pipelines: [{ name: 'items-api', change: 'changed' }], notes: [] } };
    const second = await gennaker(`apply ${right} ${right}`, { [APPLY]: [applied, refused] });
    expect(second.exitCode).toBe(1);
    expect(second.stderr).toContain('1 problem. Applied before: items-api.');
  });
});
