/** Structured logs: constant messages, values as fields, nothing secret. */

export type Severity = 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR';
export type LogFields = { readonly [field: string]: unknown };

export interface Log {
  write(severity: Severity, message: string, fields?: LogFields): void;
}
