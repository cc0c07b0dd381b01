/** Reads the events of a `text/event-stream` body, however the network cut it. */

export type ServerSentEvent = { readonly event: string; readonly data: string };

/** A longer event is refused: an execution of a hundred stages takes a fraction of it. */
const MAXIMUM_EVENT_CHARACTERS = 4 * 1024 * 1024;

/** Each event with data, until the body ends. Comments, ids and retry hints are passed over. */
export async function* readServerSentEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  let event = '';
  let data: string[] = [];
  for await (const line of readLines(body)) {
    if (line === '') {
      if (data.length > 0) {
        yield { event: event === '' ? 'message' : event, data: data.join('\n') };
      }
      event = '';
      data = [];
      continue;
    }
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /u, '');
    if (field === 'event') {
      event = value;
    } else if (field === 'data') {
      data.push(value);
      requireSize(data.reduce((sum, part) => sum + part.length, 0));
    }
  }
}

/** The lines of the body without their ends, which are LF, CR LF or CR; what follows the last end is no line yet. */
async function* readLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    // A CR at the very end may be the first half of a CR LF whose LF comes with the next chunk.
    const complete = rest.endsWith('\r') ? rest.length - 1 : rest.length;
    const lines = rest.slice(0, complete).split(/\r\n|\n|\r/u);
    rest = (lines.pop() ?? '') + rest.slice(complete);
    requireSize(rest.length);
    yield* lines;
  }
}

function requireSize(characters: number): void {
  if (characters > MAXIMUM_EVENT_CHARACTERS) {
    throw new Error(`The event is longer than ${MAXIMUM_EVENT_CHARACTERS} characters (${characters} so far)`);
  }
}
