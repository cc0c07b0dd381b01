/** What the schemas of all kinds of triggers have in common. */
import { z } from 'zod';
import { resolved, TEXT } from '../pipeline/texts.ts';

const MAXIMUM_PATTERNS = 50;

/** Every trigger may give values for the pipeline's inputs. */
export const withInputs = {
  with: z
    .record(z.string().max(63), z.json())
    .optional()
    .describe(`Values for the pipeline's inputs, from the event: { sha: "\${{ trigger.commit }}" }`),
};

/** Patterns of which one has to match: `*` is any text without "/", `**` any text, `?` one character. */
export const patterns = z
  .array(resolved(TEXT, 'a pattern', 255))
  .min(1)
  .max(MAXIMUM_PATTERNS);

/** The name of one of the pipeline's images. */
export const imageOf = resolved(/^[a-z][a-z0-9_]*$/, 'the name of an image');
