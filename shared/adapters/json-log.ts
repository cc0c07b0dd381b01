/** Logs as lines of JSON with the fields that Cloud Logging understands (https://cloud.google.com/logging/docs/structured-logging). */
import type { Log, LogFields, Severity } from '../ports/log.ts';

const SEVERITIES: readonly Severity[] = ['DEBUG', 'INFO', 'WARNING', 'ERROR'];
/** How deep the causes of an error are written. */
const MAXIMUM_CAUSES = 5;
/** What one field may take, in characters. */
const MAXIMUM_FIELD_CHARACTERS = 8_000;

/** Writes entries of at least `least` severity to `write`, one line each. `projectId` makes traces clickable. */
export function jsonLog(options: {
  readonly write: (line: string) => void;
  readonly now: () => number;
  readonly least?: Severity;
  readonly projectId?: string | undefined;
}): Log {
  const least = SEVERITIES.indexOf(options.least ?? 'INFO');
  return {
    write(severity, message, fields = {}) {
      if (SEVERITIES.indexOf(severity) < least) return;
      const { trace, ...rest } = fields;
      const own = { severity, message, time: new Date(options.now()).toISOString() };
      // First for the eye, and last so that no field of the same name hides them.
      const entry = { ...own, ...shortened(rest), ...traceFields(trace, options.projectId), ...own };
      options.write(`${JSON.stringify(entry)}\n`);
    },
  };
}

function traceFields(trace: unknown, projectId: string | undefined): { [field: string]: string } {
  const [, id, span] = typeof trace === 'string' ? trace.split('-') : [];
  if (id === undefined || span === undefined) return {};
  const name = projectId === undefined ? id : `projects/${projectId}/traces/${id}`;
  return { 'logging.googleapis.com/trace': name, 'logging.googleapis.com/spanId': span };
}

function shortened(fields: LogFields): { [field: string]: unknown } {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      const plain = value instanceof Error ? describeError(value) : value;
      if (typeof plain === 'string' && plain.length > MAXIMUM_FIELD_CHARACTERS) {
        return [name, `${plain.slice(0, MAXIMUM_FIELD_CHARACTERS)}…`];
      }
      return [name, plain];
    }),
  );
}

/** An error with its stack and those of its causes. */
function describeError(error: Error): string {
  const parts: string[] = [];
  let current: unknown = error;
  for (let depth = 0; depth < MAXIMUM_CAUSES && current !== undefined; depth += 1) {
    parts.push(current instanceof Error ? (current.stack ?? current.message) : String(current));
    current = current instanceof Error ? current.cause : undefined;
  }
  return parts.join('\ncaused by ');
}
