/** What was pushed last of an image for a pipeline, so that several tags of one digest start one execution. */

/** Pushes of one digest that belong together. */
export type PushGroup = {
  readonly digest: string;
  /** When the first of them arrived, in epoch ms. */
  readonly at: number;
  /** The event whose execution they share. */
  readonly leader: string;
  readonly events: readonly string[];
  readonly tags: readonly string[];
};

export type Pushes = {
  readonly format: 1;
  /** The newest last. */
  readonly groups: readonly PushGroup[];
};
