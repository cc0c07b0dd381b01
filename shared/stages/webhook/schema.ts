/** What a webhook is given, remembers and tells. */
import { z } from 'zod';
import type { Json } from '../../core/json.ts';
import { duration } from '../../pipeline/duration.ts';

const MAXIMUM_HEADERS = 50;
const MAXIMUM_URL = 2000;
const MAXIMUM_BODY = 64 * 1024;
/** What an answer keeps of the body, in bytes. */
export const MAXIMUM_KEPT_BODY_BYTES = 8 * 1024;

/** Set by the client or by this kind, never by an author. */
const RESERVED_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'host',
  'idempotency-key',
  'traceparent',
  'transfer-encoding',
]);

const headerName = z
  .string()
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/, 'must be the name of an HTTP header')
  .refine(
    (name) => !RESERVED_HEADERS.has(name.toLowerCase()) && !/^gennaker-/i.test(name),
    'is a header that Gennaker sets itself',
  );

const headerValue = z.union([
  z
    .string()
    .max(4000)
    .regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'must be one line of printable text'),
  z.strictObject({ secret: z.string().min(1).max(200).describe('The name of the secret whose value is sent') }),
]);

const url = z
  .string()
  .max(MAXIMUM_URL)
  .check((context) => {
    const message = urlProblem(context.value);
    if (message !== undefined) context.issues.push({ code: 'custom', input: context.value, continue: true, message });
  });

function urlProblem(text: string): string | undefined {
  if (!URL.canParse(text)) return 'must be a URL such as https://hooks.example.com/deployed';
  const { protocol, username, password } = new URL(text);
  if (protocol !== 'https:' && protocol !== 'http:') return 'must begin with https:// or http://';
  if (username !== '' || password !== '') {
    return 'must not carry a password; send it in a header: { authorization: { secret: NAME } }';
  }
  return undefined;
}

export const webhookParameters = z
  .strictObject({
    url: url.describe('Where the request goes; the admins say which hosts are allowed'),
    method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']).default('POST').describe('The HTTP method'),
    headers: z
      .record(headerName, headerValue)
      .refine((headers) => Object.keys(headers).length <= MAXIMUM_HEADERS, `has more than ${MAXIMUM_HEADERS} headers`)
      .default({})
      .describe('Headers to send; a value is text, or { secret: NAME }'),
    body: z
      .json()
      .optional()
      .refine(
        (body) => body === undefined || JSON.stringify(body).length <= MAXIMUM_BODY,
        `must have at most ${MAXIMUM_BODY} characters`,
      )
      .describe('Text is sent as it is, anything else as JSON'),
    success: z
      .array(z.int().min(100).max(599))
      .min(1)
      .max(50)
      .optional()
      .describe('The statuses that count as success; by default 200 to 299'),
    'request-timeout': duration({ maximum: '45s' }).default('30s').describe('How long one request may take'),
    'wait-for-callback': z
      .boolean()
      .default(false)
      .describe('After the request succeeded, wait until the far end calls back'),
    'callback-within': duration().default('30m').describe('How long the call-back may take'),
  })
  .check((context) => {
    const { method, body } = context.value;
    if (method !== 'GET' || body === undefined) return;
    const message = 'has no meaning for GET';
    context.issues.push({ code: 'custom', input: body, continue: true, message, path: ['body'] });
  });
export type WebhookParameters = z.output<typeof webhookParameters>;

export const webhookCursor = z.discriminatedUnion('is', [
  /** The far end asked to be asked again later. The key stays the one of the first request. */
  z.strictObject({ version: z.literal(1), is: z.literal('asked-to-wait'), key: z.string(), requests: z.int() }),
  z.strictObject({
    version: z.literal(1),
    is: z.literal('waiting-for-callback'),
    /** Epoch ms. */
    until: z.int(),
    status: z.int(),
    body: z.string(),
  }),
]);
export type WebhookCursor = z.output<typeof webhookCursor>;

const json: z.ZodType<Json> = z.json();

export const webhookOutputs = z.strictObject({
  status: z.int().describe('The HTTP status of the answer'),
  body: z.string().describe(`The first ${MAXIMUM_KEPT_BODY_BYTES} bytes of the answer's body`),
  callback: json.optional().describe('What the call-back brought'),
});
export type WebhookOutputs = z.output<typeof webhookOutputs>;

/** What a call-back brings. Without a `result` it means success. */
export const callbackValue = z.object({
  result: z.enum(['succeeded', 'failed']).default('succeeded'),
  text: z.string().max(1000).optional(),
});
