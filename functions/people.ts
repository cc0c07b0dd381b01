/** The people and groups that the admins name in a file: each bearer token stands for one person. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';

const MAXIMUM_PEOPLE = 2_000;
const MAXIMUM_GROUPS = 100;
const MAXIMUM_ALIASES = 20;
const MAXIMUM_FILE_CHARACTERS = 1024 * 1024;

/** The name of whoever holds the API's own token. */
const ADMIN_NAME = 'admin';

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$/, 'must be a name of letters, digits and . _ @ -');
const person = z.strictObject({
  token: z.string().regex(/^[0-9a-f]{64}$/, 'must be the SHA-256 of the token, as 64 hexadecimal digits'),
  groups: z.array(name).max(MAXIMUM_GROUPS).default([]),
  aliases: z.array(z.string().trim().min(1).max(200)).max(MAXIMUM_ALIASES).default([]),
  admin: z.boolean().default(false),
});
const peopleFile = z.strictObject({
  people: z
    .record(name, person)
    .refine((people) => Object.keys(people).length <= MAXIMUM_PEOPLE, `has more than ${MAXIMUM_PEOPLE} people`)
    .refine((people) => !Object.hasOwn(people, ADMIN_NAME), `may not name anyone "admin": the API's own token does`)
    .refine(
      (people) => new Set(Object.values(people).map(({ token }) => token)).size === Object.keys(people).length,
      'gives two people the same token',
    ),
});

export type Person = {
  readonly name: string;
  readonly groups: readonly string[];
  /** Other names of the same person, such as the address that commits carry. */
  readonly aliases: readonly string[];
  readonly isAdmin: boolean;
};

/** A person, and the SHA-256 of their token. */
export type KnownPerson = Person & { readonly tokenHash: string };

/** Whoever holds the API's own token. */
export const ADMIN: Person = { name: ADMIN_NAME, groups: [], aliases: [], isAdmin: true };

/** `GENNAKER_PEOPLE`: JSON, or the path of a file of it. */
export const peopleSetting = z
  .string()
  .default('{"people":{}}')
  .transform((text, context): unknown => {
    try {
      const json = text.trimStart().startsWith('{') ? text : readFileSync(text, 'utf8');
      if (json.length <= MAXIMUM_FILE_CHARACTERS) return JSON.parse(json);
      context.addIssue({ code: 'custom', message: `has more than ${MAXIMUM_FILE_CHARACTERS} characters` });
    } catch (error) {
      // The parser's message would quote the text, which nobody should find in a log.
      const why = error instanceof SyntaxError ? 'is not JSON' : 'names a file that cannot be read';
      context.addIssue({ code: 'custom', message: why });
    }
    return z.NEVER;
  })
  .pipe(peopleFile)
  .transform(({ people }): readonly KnownPerson[] =>
    Object.entries(people).map(([known, { token, groups, aliases, admin }]) => ({
      name: known,
      groups,
      aliases,
      isAdmin: admin,
      tokenHash: token,
    })),
  );

/** Whose token it is. Looks at all of them, so that the time tells nothing. */
export function personOfToken(people: readonly KnownPerson[], token: string): Person | undefined {
  const hash = createHash('sha256').update(token, 'utf8').digest();
  let found: Person | undefined;
  for (const { tokenHash, ...known } of people) {
    if (timingSafeEqual(hash, Buffer.from(tokenHash, 'hex'))) found = known;
  }
  return found;
}
