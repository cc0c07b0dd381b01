/** W3C trace context (https://www.w3.org/TR/trace-context/): one trace from the source event to the last notification. */
import { createHash } from 'node:crypto';

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** True for a well-formed traceparent of version 00 whose ids are not all zero. */
export function isTraceparent(value: string): boolean {
  const match = TRACEPARENT.exec(value);
  return match !== null && !/^0+$/.test(match[1] ?? '0') && !/^0+$/.test(match[2] ?? '0');
}

/** The traceparent that came with an event, or a new one derived from the event's id, so that a redelivery has the same trace. */
export function traceOf(event: { readonly id: string; readonly trace?: string | undefined }): string {
  if (event.trace !== undefined && isTraceparent(event.trace)) return event.trace;
  const digest = createHash('sha256').update(event.id).digest('hex');
  return `00-${digest.slice(0, 32)}-${digest.slice(32, 48)}-01`;
}

/** The same trace with a span of its own, named by what is done. */
export function childTrace(trace: string, span: string): string {
  const match = TRACEPARENT.exec(trace);
  if (match === null) return trace;
  const id = createHash('sha256').update(`${trace}\0${span}`).digest('hex').slice(0, 16);
  return `00-${match[1]}-${id}-${match[3]}`;
}
