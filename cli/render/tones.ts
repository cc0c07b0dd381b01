/** The tone of each status. The word always stands beside it, so that nothing depends on colour. */
import type { StageStatus } from '../../shared/core/run.ts';
import type { ExecutionStatus } from '../../shared/use-cases/describe-execution.ts';
import type { Tone } from '../terminal.ts';

export const TONES: { readonly [status in ExecutionStatus | StageStatus]: Tone } = {
  queued: 'quiet',
  pending: 'quiet',
  running: 'active',
  waiting: 'held',
  paused: 'held',
  succeeded: 'good',
  failed: 'bad',
  cancelled: 'held',
  skipped: 'quiet',
};
