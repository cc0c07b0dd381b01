/** The stage kind `approve`. */
import { z } from 'zod';
import { checkedDurationMs } from '../../pipeline/duration.ts';
import type { StageKind } from '../kind.ts';
import {
  type ApproveCursor,
  type ApproveOutputs,
  type ApproveParameters,
  approveCursor,
  approveOutputs,
  approveParameters,
} from './schema.ts';
import { step } from './step.ts';
import { stop } from './stop.ts';

export const approve: StageKind<ApproveParameters, ApproveCursor, ApproveOutputs> = {
  kind: 'approve',
  description: 'Waits until people approve, or fails when one of them rejects.',
  target: 'none',
  with: approveParameters,
  cursor: approveCursor,
  outputs: approveOutputs,
  outputsOf: ({ choices }) =>
    choices === undefined
      ? approveOutputs.omit({ choice: true })
      : approveOutputs.extend({ choice: z.enum(choices).describe('What was chosen') }),
  longestMs: ({ within }) => checkedDurationMs(within),
  gate: ({ groups, count }) => {
    const who = groups.length === 0 ? '' : ` by ${groups.join(' or ')}`;
    return `${count === 1 ? 'approval' : `${count} approvals`}${who}`;
  },
  step,
  stop,
};
