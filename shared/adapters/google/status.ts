/** The statuses of Google's APIs, because the library that names them takes a quarter of a second to load. */

/** The codes of https://grpc.github.io/grpc/core/md_doc_statuscodes.html that the adapters tell apart. */
export const STATUS = {
  CANCELLED: 1,
  UNKNOWN: 2,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  INTERNAL: 13,
  UNAVAILABLE: 14,
} as const;

/** Where the request may or may not have taken effect, or asking again may well succeed. */
export const TRANSIENT: readonly number[] = [
  STATUS.CANCELLED,
  STATUS.UNKNOWN,
  STATUS.DEADLINE_EXCEEDED,
  STATUS.RESOURCE_EXHAUSTED,
  STATUS.ABORTED,
  STATUS.INTERNAL,
  STATUS.UNAVAILABLE,
];

/** The status with which a client library's request failed; undefined for an error of any other sort. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined;
}

/** What a client library threw, as one sentence after what was being done. */
export function failureOf(doing: string, error: unknown): Error {
  return new Error(`${doing}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
}
