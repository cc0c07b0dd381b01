/** What is kept of registered repositories and of the teams that they are bound to. */

/** What a team may declare, whoever writes the file. */
export type Team = {
  readonly format: 1;
  readonly name: string;
  /** Names of pipelines and templates, with `*` for any letters: `items-*`. */
  readonly pipelines: readonly string[];
  /** Names of targets, with `*` for any letters. */
  readonly targets: readonly string[];
  /** Kubernetes namespaces, with `*` for any letters. */
  readonly namespaces: readonly string[];
};

/** Who is syncing a repository now. */
export type SyncClaim = {
  readonly by: string;
  /** Epoch ms. */
  readonly until: number;
  /** Somebody else was told of a push meanwhile: the holder looks once more. */
  readonly again?: true;
};

/** What came of a look at a commit. */
export type SyncOutcome = {
  readonly is: 'synced' | 'unchanged' | 'refused';
  /** 40 hexadecimal digits. */
  readonly commit: string;
  readonly at: number;
  /** The id of the event that led to it. */
  readonly event: string;
  /** What changed, or why it was refused: one line each. */
  readonly lines: readonly string[];
};

/** One folder, or several, of one branch of one repository, bound to one team. */
export type Repository = {
  readonly format: 1;
  readonly id: string;
  /** `https://…`, without credentials. */
  readonly url: string;
  readonly branch: string;
  /** Paths in the repository; `''` is all of it. */
  readonly folders: readonly string[];
  readonly team: string;
  /** Whether it is on GitHub, which shows plans on pull requests, or on any other host. */
  readonly host: 'github' | 'git';
  /** The name of the secret by which its pushes are verified. */
  readonly pushSecret: string;
  /** The name of the secret that opens it; absent where it is public. */
  readonly credentials?: string;
  readonly registeredAt: number;
  readonly claim?: SyncClaim;
  /** The commit whose pipelines are live, and their names. */
  readonly live?: { readonly commit: string; readonly at: number; readonly pipelines: readonly string[] };
  readonly outcome?: SyncOutcome;
};

/** Which registrations have a URL, so that a push finds them without reading all. */
export type RepositoriesOfUrl = { readonly format: 1; readonly ids: readonly string[] };

/** What is shown on one pull request. */
export type Review = {
  readonly format: 1;
  readonly claim?: { readonly by: string; readonly until: number };
  /** The comment's id at the host, and the hash of what it says. */
  readonly comment?: { readonly id: number; readonly hash: string };
  /** The newest commit that was reviewed, and its check. */
  readonly check?: { readonly commit: string; readonly id: number };
};
