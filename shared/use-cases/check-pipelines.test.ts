/** What a file is checked with: the templates that any of its documents uses, and no store where none does. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { manualClock, recordingLog } from '../../test/support/execution-fixtures.ts';
import { type Embedded, IN_MEMORY, openEmbedded } from '../adapters/embedded/index.ts';
import { stageKinds } from '../stages/registry.ts';
import { type CheckPorts, checkPipelines } from './check-pipelines.ts';
import { documentParsers } from './documents.ts';
import { planReader } from './plans.ts';
import { libraryOf } from './templates/library.ts';
import { templateService } from './templates/service.ts';

const template = (name: string, stages: string, more = ''): string =>
  `template: ${name}\nversion: 1.2.0\nowner: platform\n${more}stages:\n${stages}\n`;
const PAUSE = '  pause: { uses: wait, with: { for: 1s } }';
const PLAIN = `pipeline: plain\nstages:\n${PAUSE}\n`;
const USING = 'pipeline: using\nstages:\n  soak: { uses: soaked@1 }\n';

let stores: Embedded;
let ports: CheckPorts;
let opened: number;

beforeEach(async () => {
  const clock = manualClock();
  stores = openEmbedded({ path: IN_MEMORY, clock, parse: documentParsers });
  const kinds = stageKinds();
  const openLibrary = libraryOf(stores);
  const plans = planReader(stores.blobs);
  const service = templateService({ ...stores, plans, clock, log: recordingLog(), kinds, openLibrary });
  for (const text of [
    template('soaked', PAUSE),
    template('open', PAUSE, 'places: { late: { after: pause } }\n'),
    template('wrapped', '  inner: { uses: soaked@1 }'),
  ]) {
    expect(await service.publish({ file: 'template.yaml', text, by: 'aki' })).toMatchObject({ is: 'published' });
  }
  opened = 0;
  ports = {
    ...stores,
    kinds,
    targets: [],
    renderer: { render: () => Promise.reject(new Error('nothing is rendered here')) },
    openLibrary: () => {
      opened += 1;
      return openLibrary();
    },
  };
});
afterEach(() => stores.close());

/** The lock of each pipeline in the file. */
async function locksOf(text: string) {
  const checked = await checkPipelines(ports, { file: 'gennaker.yaml', text, files: {} });
  if ('problems' in checked) throw new Error(checked.problems.map(({ message }) => message).join('\n'));
  return Object.fromEntries(checked.pipelines.map(({ definition, lock }) => [definition.pipeline, lock]));
}

describe('the templates of a file', () => {
  it('are found in any of its documents', async () => {
    expect(await locksOf(`${PLAIN}---\n${USING}`)).toEqual({ plain: {}, using: { soaked: '1.2.0' } });
  });

  it('are found in what a stage inserts', async () => {
    const late = '{ late: { again: { uses: soaked@1 } } }';
    expect(await locksOf(`pipeline: p\nstages:\n  a: { uses: open@1, insert: ${late} }\n`)).toEqual({
      p: { open: '1.2.0', soaked: '1.2.0' },
    });
  });

  it('are locked with those that they use themselves', async () => {
    expect(await locksOf('pipeline: p\nstages:\n  a: { uses: wrapped@1 }\n')).toEqual({
      p: { soaked: '1.2.0', wrapped: '1.2.0' },
    });
  });

  it('are found where only a template of the file uses them', async () => {
    const checked = await checkPipelines(ports, {
      file: 'gennaker.yaml',
      text: `${PLAIN}---\n${template('mine', '  inner: { uses: soaked@1 }')}`,
      files: {},
    });
    expect(checked).toMatchObject({ pipelines: [{ lock: {} }], templates: [{ template: 'mine' }] });
  });

  it('are not read where no document uses one', async () => {
    expect(await locksOf(`${PLAIN}---\n${PLAIN.replace('plain', 'other')}`)).toEqual({ plain: {}, other: {} });
    expect(opened).toBe(0);
    await locksOf(USING);
    expect(opened).toBe(1);
  });
});
