/** What a check is given and tells; it remembers nothing. */
import { z } from 'zod';

const MAXIMUM_ASSERTIONS = 50;
const MAXIMUM_MESSAGE = 1_000;

export const checkParameters = z.strictObject({
  assert: z
    .array(
      z.strictObject({
        that: z.boolean().describe('An expression that has to be true, over inputs and the outputs of earlier stages'),
        message: z.string().trim().min(1).max(MAXIMUM_MESSAGE).describe('What is wrong where it is false'),
      }),
    )
    .min(1)
    .max(MAXIMUM_ASSERTIONS)
    .describe('All of them have to be true'),
});
export type CheckParameters = z.output<typeof checkParameters>;

export const checkCursor = z.strictObject({ version: z.literal(1) });
export type CheckCursor = z.output<typeof checkCursor>;

export const checkOutputs = z.strictObject({ checked: z.int().describe('How many assertions were true') });
export type CheckOutputs = z.output<typeof checkOutputs>;
