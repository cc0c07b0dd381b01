/** Which tags of an image count for a pipeline, and why one does not. Bounded in time for any filter and tag. */
import { RE2JS, RE2JSException } from 're2js';
import semver from 'semver';
import { matchesGlob } from './glob.ts';

/** Exactly one of the fields is set. */
export type ImageFilter = {
  /** A tag, or a pattern in which `*` stands for any text and `?` for any one character. */
  readonly tag?: string | undefined;
  /** A range of semantic versions. Pre-releases count only where the range names one, as in npm. */
  readonly semver?: string | undefined;
  /** A regular expression in RE2's syntax, which the whole tag must match. */
  readonly regex?: string | undefined;
};

export type TagMatch = { readonly matches: true } | { readonly matches: false; readonly text: string };

/** Under such tags tools keep signatures, attestations and lists of what refers to an image, beside the image. */
const ATTACHMENT = /^sha256-[0-9a-f]{64}(?:\.[a-z0-9]+)?$/;

/** Whether the tag passes the filter; if not, the sentence that says why. */
export function matchTag(filter: ImageFilter, tag: string): TagMatch {
  if (ATTACHMENT.test(tag)) {
    return { matches: false, text: `a signature or another attachment of an image, and no image: ${tag}` };
  }
  if (filter.tag !== undefined) {
    return verdict(matchesGlob(filter.tag, tag), `tag "${filter.tag}" does not match: ${tag}`);
  }
  if (filter.semver !== undefined) return matchVersion(filter.semver, tag);
  if (filter.regex !== undefined) {
    return verdict(RE2JS.compile(filter.regex).matches(tag), `regex "${filter.regex}" does not match: ${tag}`);
  }
  return { matches: false, text: 'the image names no tag, semver or regex' };
}

/**
 * The newest of the tags that pass the filter; undefined where none does. Versions are ordered as versions; other tags
 * by their text, numbers in it as numbers: registries do not tell when a tag was pushed.
 */
export function newestTag(filter: ImageFilter, tags: readonly string[]): string | undefined {
  const matching = tags.filter((tag) => matchTag(filter, tag).matches);
  const versions = matching.filter((tag) => semver.valid(tag) !== null);
  const ordered = versions.length > 0 ? semver.sort(versions) : matching.sort(inOrder.compare);
  return ordered.at(-1);
}

const inOrder = new Intl.Collator('en', { numeric: true });

/** What is wrong with the filter itself, or undefined. `text` goes on after the field's name. */
export function checkFilter(filter: ImageFilter): { field: 'tag' | 'semver' | 'regex'; text: string } | undefined {
  if (filter.tag !== undefined && !/^[A-Za-z0-9_.*?-]+$/.test(filter.tag)) {
    return { field: 'tag', text: `must be letters, digits, "_", ".", "-", "*" and "?", not "${filter.tag}"` };
  }
  if (filter.semver !== undefined && semver.validRange(filter.semver) === null) {
    return { field: 'semver', text: `must be a range of versions such as ">=1.0.0 <2.0.0", not "${filter.semver}"` };
  }
  if (filter.regex !== undefined) {
    try {
      RE2JS.compile(filter.regex);
    } catch (error) {
      if (!(error instanceof RE2JSException)) throw error;
      return { field: 'regex', text: `is not a regular expression that RE2 knows: ${error.message}` };
    }
  }
  return undefined;
}

function verdict(matches: boolean, text: string): TagMatch {
  return matches ? { matches } : { matches, text };
}

function matchVersion(range: string, tag: string): TagMatch {
  const version = semver.parse(tag);
  if (version === null) return { matches: false, text: `semver "${range}" needs a semantic version: ${tag}` };
  if (semver.satisfies(version, range)) return { matches: true };
  const onlyPreRelease = version.prerelease.length > 0 && semver.satisfies(version, range, { includePrerelease: true });
  return {
    matches: false,
    text: `semver "${range}" ${onlyPreRelease ? 'excludes pre-releases' : 'does not include'}: ${tag}`,
  };
}
