/**
 * HTTP for stages, to the places that the admins allow and to no other. A pipeline's author chooses the URL, so the
 * name is resolved once, the address is checked, and the connection goes to what was checked.
 */
import { lookup as lookupName } from 'node:dns/promises';
import http from 'node:http';
import https from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import type { HttpClient } from './kind.ts';

export const MAXIMUM_RESPONSE_BYTES = 1024 * 1024;

/** A place that the admins do not allow. No retry helps. */
export class HttpRefused extends Error {
  override readonly name = 'HttpRefused';
}

/** The far end could not be reached, or did not answer in full. It may have acted all the same. */
export class HttpUnreachable extends Error {
  override readonly name = 'HttpUnreachable';
}

export type Address = { readonly address: string; readonly family: number };
export type Resolve = (host: string) => Promise<readonly Address[]>;

/** Addresses that lead into a network of the function's own: never reached unless the host is listed by name. */
const INSIDE = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const) {
  INSIDE.addSubnet(network, prefix, 'ipv4');
}
for (const [network, prefix] of [
  ['::', 128],
  ['::1', 128],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['2001::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const) {
  INSIDE.addSubnet(network, prefix, 'ipv6');
}

/** Where clouds hand out credentials, and whatever else is link-local: never reached, listed or not. */
const METADATA = new BlockList();
METADATA.addSubnet('169.254.0.0', 16, 'ipv4');
METADATA.addAddress('100.100.100.200', 'ipv4');
METADATA.addAddress('168.63.129.16', 'ipv4');
METADATA.addAddress('192.0.0.192', 'ipv4');
METADATA.addSubnet('fd00:ec2::', 32, 'ipv6');
METADATA.addAddress('fd20:ce::254', 'ipv6');

/**
 * `allow` holds host patterns: a name (`hooks.example.com`), all names under one (`*.example.com`), or `*` for any
 * host in the public internet. A host inside a private network must be listed by its name or address, or by the name
 * above it; `*` never means those. `resolve` is for tests.
 */
export function guardedHttpClient(options: GuardOptions): HttpClient {
  const guard = guardOf(options);
  return {
    async request({ method, url, headers, body, signal }) {
      const { target, lookup } = await guard(url);
      return send({ method, target, headers: headers ?? {}, body, signal, lookup });
    },
  };
}

export type GuardOptions = { readonly allow: readonly string[]; readonly resolve?: Resolve };
/** Where a request may go: `lookup` gives Node's HTTP client the addresses that were checked, and no others. */
export type Guarded = { readonly target: URL; readonly lookup: LookupFunction };

/** The guard alone, for whoever speaks another way than the client does. Throws HttpRefused and HttpUnreachable. */
export function guardOf(options: GuardOptions): (url: string) => Promise<Guarded> {
  const resolve = options.resolve ?? ((host: string) => lookupName(host, { all: true }));
  return async (url) => {
    const target = checkedUrl(url);
    const addresses = await allowedAddresses({ host: bareHost(target), allow: options.allow, resolve });
    return {
      target,
      lookup: (_host, lookupOptions, callback) => {
        if (lookupOptions.all === true) callback(null, [...addresses]);
        else callback(null, addresses[0]?.address ?? '', addresses[0]?.family);
      },
    };
  };
}

function checkedUrl(url: string): URL {
  if (!URL.canParse(url)) throw new HttpRefused('requesting a URL: it is not one');
  const target = new URL(url);
  if (target.protocol !== 'https:' && target.protocol !== 'http:') {
    throw new HttpRefused(`requesting ${target.protocol}//…: only http and https are spoken`);
  }
  return target;
}

function bareHost(target: URL): string {
  return target.hostname
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase();
}

async function allowedAddresses(command: {
  host: string;
  allow: readonly string[];
  resolve: Resolve;
}): Promise<readonly Address[]> {
  const { host, allow, resolve } = command;
  const byName = allow.some((pattern) => pattern !== '*' && matchesHost(pattern.toLowerCase(), host));
  if (!byName && !allow.includes('*')) {
    throw new HttpRefused(`requesting ${host}: the admins do not allow this host; ask them to list it`);
  }
  const family = isIP(host);
  const addresses = family === 0 ? await resolved(host, resolve) : [{ address: host, family }];
  for (const { address } of addresses) {
    if (isIn(METADATA, address))
      throw new HttpRefused(`requesting ${host}: it is a metadata server, or lies where clouds have theirs`);
    if (!byName && isIn(INSIDE, address)) {
      throw new HttpRefused(`requesting ${host}: it lies in a private network, and the admins do not list it by name`);
    }
  }
  if (addresses.length === 0) throw new HttpUnreachable(`requesting ${host}: the name has no address`);
  return addresses;
}

async function resolved(host: string, resolve: Resolve): Promise<readonly Address[]> {
  try {
    return await resolve(host);
  } catch (cause) {
    throw new HttpUnreachable(`requesting ${host}: its name cannot be resolved`, { cause });
  }
}

function matchesHost(pattern: string, host: string): boolean {
  if (pattern.startsWith('*.')) return host.endsWith(pattern.slice(1)) && host.length > pattern.length - 1;
  return pattern === host;
}

/** Whether the address, or the IPv4 address inside it, is in the list. */
function isIn(list: BlockList, address: string): boolean {
  if (isIP(address) === 4) return list.check(address, 'ipv4');
  if (list.check(address, 'ipv6')) return true;
  const inside = mappedIpv4(address) ?? translatedIpv4(address);
  return inside !== undefined && list.check(inside, 'ipv4');
}

/** The IPv4 address that an IPv4-mapped or IPv4-compatible IPv6 address carries. */
function mappedIpv4(address: string): string | undefined {
  // URL spells the address in one way: `::ffff:7f00:1`.
  const canonical = new URL(`http://[${address.replace(/%.*$/, '')}]`).hostname.slice(1, -1);
  const match = /^::(?:ffff:)?(?:([0-9a-f]{1,4}):)?([0-9a-f]{1,4})$/.exec(canonical);
  return match === null ? undefined : ipv4Of(match[1], match[2]);
}

/** The IPv4 address that a gateway makes of an address of NAT64 or 6to4. */
function translatedIpv4(address: string): string | undefined {
  const canonical = new URL(`http://[${address.replace(/%.*$/, '')}]`).hostname.slice(1, -1);
  const nat64 = /^64:ff9b::(?:([0-9a-f]{1,4}):)?([0-9a-f]{1,4})$/.exec(canonical);
  if (nat64 !== null) return ipv4Of(nat64[1], nat64[2]);
  const sixToFour = /^2002:([0-9a-f]{1,4}):([0-9a-f]{1,4}):/.exec(canonical);
  return sixToFour === null ? undefined : ipv4Of(sixToFour[1], sixToFour[2]);
}

function ipv4Of(first: string | undefined, second: string | undefined): string {
  const high = Number.parseInt(first ?? '0', 16);
  const low = Number.parseInt(second ?? '0', 16);
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

function send(command: {
  method: string;
  target: URL;
  headers: { readonly [name: string]: string };
  body: string | undefined;
  signal: AbortSignal;
  lookup: LookupFunction;
}): Promise<{ status: number; headers: Headers; body: string }> {
  const { method, target, headers, body, signal, lookup } = command;
  const place = `${method} ${target.protocol}//${target.host}${target.pathname}`;
  return new Promise((fulfil, reject) => {
    const fail = (cause: unknown): void => {
      if (cause instanceof HttpRefused) reject(cause);
      else reject(new HttpUnreachable(`${place}: ${causeText(cause)}`, { cause }));
    };
    const client = target.protocol === 'https:' ? https : http;
    const request = client.request(
      target,
      {
        method,
        signal,
        lookup,
        agent: false,
        headers: {
          'accept-encoding': 'identity',
          ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
          ...headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          chunks.push(chunk);
          if (bytes <= MAXIMUM_RESPONSE_BYTES) return;
          fail(new HttpRefused(`${place}: its answer has more than ${MAXIMUM_RESPONSE_BYTES} bytes`));
          response.destroy();
        });
        response.on('error', fail);
        response.on('end', () => {
          fulfil({
            status: response.statusCode ?? 0,
            headers: headersOf(response.rawHeaders),
            body: Buffer.concat(chunks).toString('utf8'),
          });
        });
      },
    );
    request.on('error', fail);
    request.end(body);
  });
}

function headersOf(raw: readonly string[]): Headers {
  const headers = new Headers();
  for (let index = 0; index + 1 < raw.length; index += 2) headers.append(raw[index] ?? '', raw[index + 1] ?? '');
  return headers;
}

function causeText(cause: unknown): string {
  if (!(cause instanceof Error)) return 'no answer';
  if (cause.name === 'AbortError' || cause.name === 'TimeoutError') return 'no answer in time';
  return 'code' in cause && typeof cause.code === 'string' ? `no answer (${cause.code})` : 'no answer';
}
