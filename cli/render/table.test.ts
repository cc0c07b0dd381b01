import { expect, it } from 'vitest';
import { renderTable } from './table.ts';

const rows = [
  ['7f3k2ab', 'items-api', 'image items-api:1.3.0 pushed'],
  ['81c', 'search', 'aki asked'],
];

it('gives each column what it needs', () => {
  expect(renderTable(['ID', 'PIPELINE', 'BECAUSE'], rows, 80)).toEqual([
    'ID       PIPELINE   BECAUSE',
    '7f3k2ab  items-api  image items-api:1.3.0 pushed',
    '81c      search     aki asked',
  ]);
});

it('cuts the last columns first, and none to less than its heading', () => {
  expect(renderTable(['ID', 'PIPELINE', 'BECAUSE'], rows, 36)).toEqual([
    'ID       PIPELINE   BECAUSE',
    '7f3k2ab  items-api  image items-api…',
    '81c      search     aki asked',
  ]);
  expect(renderTable(['ID', 'PIPELINE', 'BECAUSE'], rows, 26)[1]).toBe('7f3k2ab  items-a…  image …');
});
