/** `push`: an image of the pipeline was pushed. */
import { z } from 'zod';
import { imageOf, withInputs } from '../trigger-fields.ts';

export const imageTriggerSchema = z.strictObject({
  push: imageOf.describe('The name, under images, of the image whose push starts the pipeline'),
  ...withInputs,
});
export type ImageTrigger = z.output<typeof imageTriggerSchema>;
