/** Renders what can be rendered only now, and keeps it for the stages that deliver it. */
import type { Outcome } from '../../core/run.ts';
import { substituteImages } from '../../kubernetes/images.ts';
import type { Problem } from '../../pipeline/problem.ts';
import type { Rendered } from '../../pipeline/render.ts';
import { MAXIMUM_BLOB_BYTES } from '../../ports/blobs.ts';
import { type FileTexts, RenderError } from '../../ports/renderer.ts';
import { type StageContext, TerminalError } from '../kind.ts';
import type { BakeCursor, BakeOutputs, BakeParameters } from './schema.ts';

/** Problems that are told; the others are counted. */
const MAXIMUM_TOLD = 5;

export async function step(
  parameters: BakeParameters,
  _at: unknown,
  context: StageContext,
): Promise<Outcome<BakeCursor, BakeOutputs>> {
  const rendered = await objectsOf(parameters, context);
  if ('problems' in rendered) throw new TerminalError(`rendering the manifests: ${sentenceOf(rendered.problems)}`);
  const { manifests } = substituteImages({ manifests: rendered.objects, images: context.images });
  const text = JSON.stringify(manifests);
  const bytes = Buffer.byteLength(text);
  if (bytes > MAXIMUM_BLOB_BYTES) {
    throw new TerminalError(
      `rendering the manifests: they come to ${bytes} bytes; at most ${MAXIMUM_BLOB_BYTES} are kept`,
    );
  }
  const hash = await context.blobs.put({ text });
  return { is: 'succeeded', outputs: { manifests: hash, objects: manifests.length } };
}

async function objectsOf(source: BakeParameters, context: StageContext): Promise<Rendered> {
  // Whoever only moves executions does not wait for the parsers to load.
  const { renderObjects } = await import('../../pipeline/render.ts');
  const { pipeline, namespace, renderer, signal } = context;
  const files = await filesOf(context);
  try {
    return await renderObjects({ source, files, pipelineFile: pipeline, pipeline, namespace, renderer, signal });
  } catch (error) {
    if (error instanceof RenderError)
      throw new TerminalError(`rendering the manifests: ${error.message}`, { cause: error });
    throw error;
  }
}

async function filesOf(context: StageContext): Promise<FileTexts> {
  const hash = context.files;
  if (hash === undefined) {
    throw new TerminalError(
      'rendering the manifests: the plan has no files; apply the pipeline again, then start it anew',
    );
  }
  const text = await context.blobs.get({ hash });
  if (text === undefined) throw new Error(`rendering the manifests: the blob ${hash} is not there`);
  return JSON.parse(text) as FileTexts;
}

function sentenceOf(problems: readonly Problem[]): string {
  const told = problems.slice(0, MAXIMUM_TOLD).map(({ file, line, column, message }) => {
    const place = line === 1 && column === 1 ? file : `${file}:${line}:${column}`;
    return `${place}  ${message}`;
  });
  const more = problems.length - told.length;
  return [...told, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}
