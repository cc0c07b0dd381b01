import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { begun, indexedOf, readyRun } from '../../test/support/core-fixtures.ts';
import { planOf, stagePlan } from '../../test/support/execution-fixtures.ts';
import { emptyGroup } from '../core/group.ts';
import {
  parseExecution,
  parseGroup,
  parsePlan,
  parseRun,
  parserOf,
  UnreadableDocument,
  type Upgrade,
} from './documents.ts';

const SORTS = [
  { sort: 'execution', parse: parseExecution, document: begun(indexedOf([stagePlan('release')])) },
  { sort: 'run', parse: parseRun, document: readyRun() },
  { sort: 'group', parse: parseGroup, document: emptyGroup(2) },
  { sort: 'plan', parse: parsePlan, document: planOf() },
] as const;

describe.each(SORTS)('a stored $sort', ({ sort, parse, document }) => {
  it('is read as it was written', () => {
    expect(parse(JSON.parse(JSON.stringify(document)))).toEqual(document);
  });

  it.each([
    { name: 'without a format', stored: { ...document, format: undefined }, text: 'carries no format number' },
    { name: 'with a format in words', stored: { ...document, format: 'one' }, text: 'carries no format number' },
    { name: 'that is no object', stored: 'text', text: 'carries no format number' },
    { name: 'of a format that never was', stored: { ...document, format: 0 }, text: 'format 0, which never was' },
    {
      name: 'of a newer format',
      stored: { ...document, format: 99 },
      text: 'has format 99, and this version reads up to 1: deploy the newer version',
    },
    { name: 'that is damaged', stored: { format: 1 }, text: 'is damaged: ' },
  ])('$name is unreadable, and says why', ({ stored, text }) => {
    expect(() => parse(stored)).toThrow(UnreadableDocument);
    expect(() => parse(stored)).toThrow(`a stored ${sort} ${text.startsWith('format') ? 'has ' : ''}${text}`);
  });
});

describe('an upgrade', () => {
  const stage = z.object({ format: z.literal(3), names: z.array(z.string()), isOpen: z.boolean() });
  /** Format 1 had one name in `name`; format 2 had it in `names`; format 3 knows whether it is open. */
  const upgrades: readonly Upgrade[] = [
    ({ name, ...rest }) => ({ ...rest, names: [name] }),
    (document) => ({ ...document, isOpen: true }),
  ];
  const parse = parserOf('door', stage, upgrades);
  const newest = { format: 3, names: ['front'], isOpen: true };

  it.each([
    { format: 1, stored: { format: 1, name: 'front' }, read: newest },
    { format: 2, stored: { format: 2, names: ['front'] }, read: newest },
    { format: 3, stored: { ...newest, isOpen: false }, read: { ...newest, isOpen: false } },
  ])('brings a document of format $format up to the newest, step by step', ({ stored, read }) => {
    expect(parse(stored)).toEqual(read);
  });

  it('that leads to no valid document is found out', () => {
    expect(() => parse({ format: 1, name: 7 })).toThrow('a stored door is damaged: ');
  });

  it('is not there beyond the newest format', () => {
    expect(() => parse({ ...newest, format: 4 })).toThrow('this version reads up to 3');
  });
});
