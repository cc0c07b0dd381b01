/** What the author of a stage kind imports, as `gennaker/stage-kind`: types, errors, and zod as this system has it. */
export { z } from 'zod';
export type { Json } from '../core/json.ts';
export type { Reason, ReasonCode, WaitReason } from '../core/reason.ts';
export type { Input, Outcome, Signal, Wait } from '../core/run.ts';
export { checkedDurationMs, duration } from '../pipeline/duration.ts';
export { type Cluster, ClusterError, isClusterError, type Manifest } from '../ports/cluster.ts';
export { HttpRefused, HttpUnreachable } from './http-client.ts';
export { type HttpClient, type StageContext, type StageKind, TerminalError } from './kind.ts';
export { describeMoment } from './moments.ts';
