import { expect, it } from 'vitest';
import { declaresTemplate, findPipelineFiles } from './pipeline-files.ts';

const STAGES = 'stages:\n  soak:\n    uses: wait\n    with: { for: 1s }\n';

it.each([
  ['a pipeline', `pipeline: a\n${STAGES}`],
  ['a key in quotes', `"pipeline": a\n${STAGES}`],
  ['a map in braces', '{ pipeline: a, stages: { soak: { uses: wait, with: { for: 1s } } } }'],
  ['an indented document', `pipeline: a\n${STAGES}`.replace(/^/gm, '  ')],
  ['a misspelt first line', `pipelin: a\n${STAGES}`],
  ['a template', `template: a\nversion: 1.0.0\n${STAGES}`],
  ['a stray apiVersion', `apiVersion: gennaker.dev/v1\npipeline: a\n${STAGES}`],
  ['the head of a Kubernetes object', `apiVersion: gennaker.dev/v1\nkind: Pipeline\npipeline: a\n${STAGES}`],
  ['a second document', `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n---\npipeline: a\n${STAGES}`],
  ['a fault', `pipeline: a\n${STAGES}\t- [`],
])('%s makes a file a pipeline file', (_, text) => {
  expect(findPipelineFiles({ 'a.yaml': text, 'b.txt': text })).toEqual({ paths: ['a.yaml'] });
});

it.each([
  ['a Deployment', 'apiVersion: apps/v1\nkind: Deployment\nspec:\n  template: {}\n'],
  ['a PodTemplate', 'apiVersion: v1\nkind: PodTemplate\ntemplate:\n  spec: {}\n'],
  ['text in a block', 'apiVersion: v1\nkind: ConfigMap\ndata:\n  a: |\n    pipeline: a\n'],
  ["a chart's template", '{{- if .Values.a }}\napiVersion: v1\nkind: Pod\ntemplate: {}\n{{- end }}\n'],
  ['something else', 'name: ci\njobs: {}\n'],
])('%s does not', (_, text) => {
  expect(findPipelineFiles({ 'a.yaml': text })).toEqual({ paths: [] });
});

it('tells templates from pipelines by what the documents say', () => {
  expect(declaresTemplate({ file: 'a.yaml', text: `"template": a\n${STAGES}` })).toBe(true);
  expect(declaresTemplate({ file: 'a.yaml', text: `pipeline: a\ndescription: |\n  template: b\n${STAGES}` })).toBe(
    false,
  );
});
