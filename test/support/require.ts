/** Decides whether a test that needs a part of the machine (Go, an emulator, a browser) runs, so that a skip is never silent. */

const skipped = new Set<string>();

/**
 * Whether to run what needs the part `name`. Where it is absent, says so once on stderr and returns false for the
 * test to skip; with GENNAKER_TEST_REQUIRE=all it throws instead, so that nothing is skipped unnoticed in CI.
 * `why` says what is missing and how to get it.
 */
export function requirePart(name: string, available: boolean, why: string): boolean {
  if (available) return true;
  if (process.env.GENNAKER_TEST_REQUIRE === 'all') {
    throw new Error(`${name} is required by GENNAKER_TEST_REQUIRE=all, but is not available: ${why}`);
  }
  if (!skipped.has(name)) console.warn(`skipped what needs ${name}: ${why}`);
  skipped.add(name);
  return false;
}
