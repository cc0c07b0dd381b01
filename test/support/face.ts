/** A running system as its users reach it: by the HTTP API and by the command line. The same for both sets of adapters. */
import type { Api } from '../../cli/api.ts';
import { createApi } from '../../cli/api.ts';
import {
  type ExecutionDetail,
  hasEnded,
  type TransitionDescription,
} from '../../shared/use-cases/describe-execution.ts';
import { plainEnvironment, type Result, runGennaker } from './processes.ts';
import { until } from './until.ts';

export type Face = {
  readonly url: string;
  readonly token: string;
  readonly api: Api;
  /** Runs one command line, given as its words, against this system. */
  gennaker(args: readonly string[], cwd?: string): Promise<Result>;
};

export function faceOf({ url, token }: { url: string; token: string }): Face {
  const env = plainEnvironment({ GENNAKER_URL: url, GENNAKER_TOKEN: token, NO_COLOR: '1' });
  return {
    url,
    token,
    api: createApi({ url, token }, new AbortController().signal),
    gennaker: (args, cwd) => runGennaker(args, env, cwd),
  };
}

/** The pipeline's newest execution, once there is one that `isWanted`. */
export function executionOf(
  { api }: Face,
  pipeline: string,
  isWanted: (execution: ExecutionDetail) => boolean = () => true,
): Promise<ExecutionDetail> {
  let last: ExecutionDetail | undefined;
  const look = async (): Promise<ExecutionDetail | undefined> => {
    const [newest] = (await api.executions({ pipeline, limit: 1 })).items;
    if (newest === undefined) return undefined;
    last = await api.execution(newest.id);
    return isWanted(last) ? last : undefined;
  };
  return until(`an execution of ${pipeline}`, look, { state: () => last });
}

/** The execution, once it has ended. */
export function endOf({ api }: Face, id: string): Promise<ExecutionDetail> {
  let last: ExecutionDetail | undefined;
  const look = async (): Promise<ExecutionDetail | undefined> => {
    last = await api.execution(id);
    return hasEnded(last.status) ? last : undefined;
  };
  return until(`the end of ${id}`, look, { state: () => last });
}

/** The transitions of an execution that has ended, once every revision of it has been announced. */
export function wholeHistory({ api }: Face, ended: ExecutionDetail): Promise<readonly TransitionDescription[]> {
  let last: readonly TransitionDescription[] = [];
  const look = async (): Promise<readonly TransitionDescription[] | undefined> => {
    last = (await api.history(ended.id)).items;
    const { revision } = await api.execution(ended.id);
    return last.length === revision ? last : undefined;
  };
  return until(`every revision of ${ended.id}`, look, { state: () => last });
}

export const stageOf = (execution: ExecutionDetail, id: string) => execution.stages.find((stage) => stage.id === id);
