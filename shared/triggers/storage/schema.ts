/** `storage`: an object was written to a bucket of Cloud Storage. */
import { z } from 'zod';
import { resolved, TEXT } from '../../pipeline/texts.ts';
import { patterns, withInputs } from '../trigger-fields.ts';

export const storageTriggerSchema = z.strictObject({
  storage: z
    .strictObject({
      bucket: resolved(/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/, 'the name of a bucket', 222).describe('The bucket'),
      prefix: resolved(TEXT, 'a prefix', 1_000).optional().describe("What the object's name begins with"),
      names: patterns.optional().describe("Patterns of the object's name: releases/*.tar.gz"),
    })
    .describe('An object was written to a bucket'),
  ...withInputs,
});
export type StorageTrigger = z.output<typeof storageTriggerSchema>;
