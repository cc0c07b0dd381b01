/** What a webhook is given, remembers and tells. */
import { z } from 'zod';
import type { Json } from '../../core/json.ts';
import { duration } from '../../pipeline/duration.ts';
import { answerCondition, answerText, answerValue } from './answer-cel.ts';

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

const METHODS = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
const method = z.enum(METHODS);
/** Their requests carry no body. */
export const BODILESS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const statuses = z.array(z.int().min(100).max(599)).min(1).max(50);

const body = z
  .json()
  .optional()
  .refine(
    (value) => value === undefined || JSON.stringify(value).length <= MAXIMUM_BODY,
    `must have at most ${MAXIMUM_BODY} characters`,
  );

/** Where another request goes: to an address of its own, or to one that the first answer tells. */
const place = {
  url: url.optional().describe('Where it goes; by default where the first request went'),
  'url-from': answerText
    .optional()
    .describe('CEL over the first answer that gives the address, on the same host: headers.location'),
};

const poll = z.strictObject({
  ...place,
  every: duration().default('10s').describe('Between two looks'),
  within: duration().default('30m').describe('How long the far end may take'),
  'done-if': answerCondition.describe('CEL over the answer that is true at the end: body.status != "running"'),
});

const cancel = z.strictObject({
  ...place,
  method: method.default('POST').describe('The HTTP method'),
  body: body.describe('Text is sent as it is, anything else as JSON'),
});

export const webhookParameters = z
  .strictObject({
    url: url.describe('Where the request goes; the admins say which hosts are allowed'),
    method: method.default('POST').describe('The HTTP method'),
    headers: z
      .record(headerName, headerValue)
      .refine((headers) => Object.keys(headers).length <= MAXIMUM_HEADERS, `has more than ${MAXIMUM_HEADERS} headers`)
      .default({})
      .describe('Headers to send; a value is text, or { secret: NAME }'),
    body: body.describe('Text is sent as it is, anything else as JSON'),
    success: statuses.optional().describe('The statuses that count as success; by default 200 to 299'),
    'retry-on': statuses
      .optional()
      .describe('The statuses after which the request is sent again; by default 408, 425, 429 and 500 to 599'),
    'request-timeout': duration({ maximum: '45s' }).default('30s').describe('How long one request may take'),
    'wait-for-callback': z
      .boolean()
      .default(false)
      .describe('After the request succeeded, wait until the far end calls back'),
    'callback-within': duration().default('30m').describe('How long the call-back may take'),
    poll: poll.optional().describe('After the request succeeded, ask again and again until the far end is done'),
    'success-if': answerCondition
      .optional()
      .describe('CEL over the last answer that has to be true: body.status == "passed"'),
    progress: answerValue.optional().describe('CEL over each answer of poll, shown while it is waited for'),
    result: answerValue.optional().describe('CEL over the last answer, or what the call-back brought; an output'),
    cancel: cancel.optional().describe('What is sent when the stage is stopped after its request'),
  })
  .check((context) => {
    const { method: verb, body: given, poll: polled, cancel: cancelled } = context.value;
    const refuse = (message: string, ...path: string[]): void => {
      context.issues.push({ code: 'custom', input: context.value, continue: true, message, path });
    };
    if (BODILESS.has(verb) && given !== undefined) refuse(`has no meaning for ${verb}`, 'body');
    if (polled !== undefined && context.value['wait-for-callback']) refuse('stands beside wait-for-callback', 'poll');
    for (const [name, one] of Object.entries({ poll: polled, cancel: cancelled })) {
      if (one?.url !== undefined && one['url-from'] !== undefined) refuse('stands beside url', name, 'url-from');
    }
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
    cancelUrl: z.string().optional(),
  }),
  /** The far end works, and is asked now and then. */
  z.strictObject({
    version: z.literal(1),
    is: z.literal('polling'),
    /** Epoch ms. */
    until: z.int(),
    url: z.string(),
    cancelUrl: z.string().optional(),
  }),
]);
export type WebhookCursor = z.output<typeof webhookCursor>;

const json: z.ZodType<Json> = z.json();

export const webhookOutputs = z.strictObject({
  status: z.int().describe('The HTTP status of the answer'),
  body: z.string().describe(`The first ${MAXIMUM_KEPT_BODY_BYTES} bytes of the answer's body`),
  callback: json.optional().describe('What the call-back brought'),
  result: json.optional().describe('What `result` gives'),
});
export type WebhookOutputs = z.output<typeof webhookOutputs>;

/** What a call-back brings. Without a `result` it means success. */
export const callbackValue = z.object({
  result: z.enum(['succeeded', 'failed']).default('succeeded'),
  text: z.string().max(1000).optional(),
});
