/** The two answers of every pure transition: the next state, or the name of what makes the event void. */

export type Refusal =
  /** Already done: the event was taken before. */
  | 'duplicate'
  /** From a worker or message that something newer has replaced. */
  | 'superseded'
  /** Somebody else holds the step. */
  | 'held'
  /** Nothing is due. */
  | 'notYet'
  /** The time in which it would have counted is over. */
  | 'tooLate'
  /** The stage or execution is at rest for good. */
  | 'ended'
  /** A bound would be exceeded. */
  | 'full';

export type Move<T> = { readonly moved: T } | { readonly ignored: Refusal };
