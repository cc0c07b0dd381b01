/** Messages between functions: at least once, in no order, as bytes. */

export type Message = {
  /** A CloudEvent in structured mode, as UTF-8 JSON. */
  readonly data: string;
  readonly attributes: { readonly [name: string]: string };
};

/** A message as a subscriber gets it. */
export type Delivery = Message & {
  readonly messageId: string;
  readonly subscription: string;
};

export interface Bus {
  /** Resolves once every message is kept. Topics: `events`, `transitions`, `work` and `work-<target>`, and users' own. */
  publish(command: { topic: string; messages: readonly Message[] }): Promise<void>;
}

/** What a subscriber says of a delivery: `done` never again, `later` again after a while. */
export type Answer = 'done' | 'later';
