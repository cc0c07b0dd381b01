/** Holds infra/terraform against the code that it deploys: what one side reads, the other must give. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configuration } from './container.ts';

const FOLDER = join(import.meta.dirname, '../infra/terraform');
const sources = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.tf'))
  .map((name) => readFileSync(join(FOLDER, name), 'utf8').replaceAll(/^\s*#.*$/gmu, ''));
const text = sources.join('\n');

/** Settings that Terraform leaves as they are by default, and why. */
const LEFT_OUT: { readonly [setting: string]: string } = {
  GENNAKER_ISSUERS: 'Google signs every token; another issuer is for tests',
  GENNAKER_SLACK_API_URL: 'another address is for tests',
  GENNAKER_STEP_MS: 'the time limits nest, and the subscriptions fit them as they are',
  GENNAKER_LEASE_MS: 'the time limits nest, and the subscriptions fit them as they are',
  GENNAKER_ACKNOWLEDGEMENT_MS: 'the time limits nest, and the subscriptions fit them as they are',
};

const all = (pattern: RegExp, from = text): readonly string[] => [
  ...new Set([...from.matchAll(pattern)].map(([, name = '']) => name)),
];
/** The text between the braces that open after `head`. */
function blockAfter(head: string): string {
  const from = text.indexOf(head);
  if (from === -1) throw new Error(`infra/terraform has no ${head}`);
  let depth = 0;
  for (let at = text.indexOf('{', from); at < text.length; at += 1) {
    if (text[at] === '{') depth += 1;
    if (text[at] === '}') depth -= 1;
    if (depth === 0) return text.slice(text.indexOf('{', from) + 1, at);
  }
  throw new Error(`${head} has no end`);
}

describe('infra/terraform', () => {
  it('gives every setting that is read, and none that is not', () => {
    const read = Object.keys(configuration.shape).sort();
    const given = all(/\b(GENNAKER_[A-Z_]*[A-Z])\s*=/gu);
    expect([...given, ...Object.keys(LEFT_OUT)].toSorted()).toEqual(read);
  });

  it('has a service for each function', () => {
    const registered = all(
      /^ {2}'?([a-z-]+)'?: \(\) => import/gmu,
      readFileSync(join(import.meta.dirname, 'index.ts'), 'utf8'),
    );
    const deployed = all(/^ {4}([a-z-]+)\s*= \{ publishes/gmu, blockAfter('functions = '));
    expect([...deployed].sort()).toEqual([...registered].sort());
  });

  it('gives what few may know or do to those alone who need it', () => {
    expect(text).toMatch(/name == "serve-api" && var\.people_secret != null \? \{ GENNAKER_PEOPLE = /u);
    expect(text).toMatch(/each\.key == "advance-execution" \? \{ GENNAKER_GOOGLE_PROJECTS = /u);
    const builders = blockAfter('resource "google_project_iam_member" "builders"');
    expect(all(/functions\["([a-z-]+)"\]/gu, builders)).toEqual(['advance-execution']);
    expect(text).not.toMatch(/roles\/(?:owner|editor|cloudbuild\.|pubsub\.admin|datastore\.owner)/u);
  });

  it.each([
    ['variables', /\bvar\.([a-z_]+)/gu, /^variable "([a-z_]+)" \{/gmu],
    ['resources', /(?<!data\.)\b(google_[a-z0-9_]+\.[a-z_]+)\b/gu, /^resource "([a-z0-9_]+" "[a-z_]+)" \{/gmu],
  ])('names only %s that it declares', (_, used, declared) => {
    const names = all(declared).map((name) => name.replace('" "', '.'));
    expect(all(used).filter((name) => !names.includes(name))).toEqual([]);
  });

  it('uses every variable that it declares', () => {
    expect(
      all(/^variable "([a-z_]+)" \{/gmu).filter((name) => !new RegExp(`\\bvar\\.${name}\\b`, 'u').test(text)),
    ).toEqual([]);
  });

  it('has every local value that it names', () => {
    const declared = sources.flatMap((source) =>
      [...source.matchAll(/^locals \{\n([\s\S]*?)^\}/gmu)].flatMap(([, body = '']) =>
        all(/^ {2}([a-z_]+)\s*=/gmu, body),
      ),
    );
    expect(all(/\blocal\.([a-z_]+)/gu).filter((name) => !declared.includes(name))).toEqual([]);
  });
});
