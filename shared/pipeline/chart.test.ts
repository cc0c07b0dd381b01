import { describe, expect, it } from 'vitest';
import { readChart } from './chart.ts';
import { fileBytes, fileText } from './file-text.ts';

const SOURCE = { chart: './web/', values: ['v.yaml'], set: {}, 'api-versions': [], hooks: 'refuse' as const };
const CHART = 'apiVersion: v2\nname: web\nversion: 1.0.0\n';

function read(files: { [path: string]: string }) {
  return readChart({
    files: { 'v.yaml': '', 'web/Chart.yaml': CHART, ...files },
    source: SOURCE,
    pipelineFile: 'g.yaml',
  });
}
function problems(files: { [path: string]: string }): string[] {
  const result = read(files);
  return 'problems' in result
    ? result.problems.map(({ file, line, column, message }) => `${file}:${line}:${column}  ${message}`)
    : [];
}
const needs = (name: string) =>
  `${CHART}dependencies:\n  - { name: ${name}, version: 1.x, repository: "https://charts.acme.dev" }\n`;

describe('readChart', () => {
  it('knows where it lies and what it is called', () => {
    expect(read({})).toEqual({ chart: { folder: 'web', name: 'web', checksSchema: true } });
  });

  it('wants every dependency in its folder, because nothing is fetched', () => {
    expect(problems({ 'web/Chart.yaml': needs('redis') })).toEqual([
      'web/Chart.yaml:5:5  dependencies[0]  redis is not in web/charts; nothing is fetched here: run `helm dependency update web` and commit web/charts',
    ]);
    expect(problems({ 'web/Chart.yaml': needs('redis'), 'web/charts/redis/Chart.yaml': '' })).toEqual([]);
  });

  it('takes packaged dependencies, whose schemas are not looked at', () => {
    const packed = fileText(Buffer.from([0x1f, 0x8b, 0xff, 0]));
    expect([...fileBytes(packed)]).toEqual([0x1f, 0x8b, 0xff, 0]);
    expect(read({ 'web/Chart.yaml': needs('redis'), 'web/charts/redis-1.2.3.tgz': packed })).toMatchObject({
      chart: { checksSchema: false },
    });
    expect(problems({ 'web/Chart.yaml': needs('redis'), 'web/charts/redis-ha-1.2.3.tgz': packed })).toHaveLength(1);
  });

  it.each([
    [
      '{ "properties": { "a": { "$ref": "https://acme.dev/a.json" } } }',
      'properties.a.$ref  "https://acme.dev/a.json"',
    ],
    ['{ "$id": "https://acme.dev/", "allOf": [{ "$ref": "a.json" }] }', 'allOf[0].$ref  "a.json"'],
    ['{ "$ref": "file:///etc/passwd" }', '$ref  "file:///etc/passwd"'],
    ['{ "$schema": "https://acme.dev/schema" }', '$schema  "https://acme.dev/schema"'],
  ])('refuses a schema that would be fetched: %s', (schema, start) => {
    expect(problems({ 'web/values.schema.json': schema })[0]).toContain(`${start} lies outside of this file`);
  });

  it('takes a schema that refers to itself', () => {
    const schema = '{ "$schema": "https://json-schema.org/draft-07/schema#", "a": { "$ref": "#/$defs/a" } }';
    expect(problems({ 'web/values.schema.json': schema })).toEqual([]);
  });

  it('wants the files of values', () => {
    const result = readChart({ files: { 'web/Chart.yaml': CHART }, source: SOURCE, pipelineFile: 'g.yaml' });
    expect(result).toMatchObject({ problems: [{ message: 'manifests.helm.values[0]  "v.yaml" names no file' }] });
  });
});

describe('fileText', () => {
  it('gives the same bytes again, whatever they are', () => {
    for (const bytes of [
      Buffer.from('a: 1\n'),
      Buffer.from([0xff]),
      Buffer.from('data:application/octet-stream;base64,AA'),
    ]) {
      expect(Buffer.from(fileBytes(fileText(bytes)))).toEqual(bytes);
    }
    expect(fileText(Buffer.from('é'))).toBe('é');
  });
});
