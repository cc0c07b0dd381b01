/** The real programs that make Kubernetes objects of a kustomization or a chart, away from the network and from this process. */
import type { JsonObject } from '../core/json.ts';

/** Files by path, with "/" between the parts. Those that are not UTF-8 are as `fileText` writes them. */
export type FileTexts = { readonly [path: string]: string };

export type RenderRequest =
  | { readonly program: 'kustomize' /** Of kustomization.yaml. */; readonly folder: string }
  | {
      readonly program: 'helm';
      /** The folder of Chart.yaml. */
      readonly chart: string;
      /** Paths of files; a later one wins. */
      readonly values: readonly string[];
      /** Wins over all of them. */
      readonly set: JsonObject;
      readonly release: string;
      readonly namespace: string;
      readonly kubeVersion?: string;
      readonly apiVersions: readonly string[];
      /** Whether the chart's values are checked by its schemas. */
      readonly checksSchema: boolean;
    };

export interface Renderer {
  /**
   * What the program prints, in UTF-8: at most MAXIMUM_RENDERED_BYTES. Every path of the request is relative to the
   * files and stays among them. Throws RenderError, or what `signal` was aborted with.
   */
  render(command: { files: FileTexts; request: RenderRequest; signal: AbortSignal }): Promise<string>;
}

export const MAXIMUM_RENDERED_BYTES = 8 * 1024 * 1024;

export type RenderErrorCode =
  /** The program is not on this machine. */
  | 'missing-program'
  /** The program said what is wrong; the message is its own, with paths relative to the files. */
  | 'refused'
  /** It took too long, too much memory, or printed too much. */
  | 'over-limit';

/** A rendering that did not succeed, and that the same files will not mend. */
export class RenderError extends Error {
  override readonly name = 'RenderError';
  readonly code: RenderErrorCode;

  constructor(code: RenderErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
