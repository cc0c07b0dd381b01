/** The tables of the embedded database. Documents are kept as JSON; a column beside them exists only to be searched by. */

/** What PRAGMA application_id holds in a database of ours: "Gnkr" in ASCII. */
export const APPLICATION_ID = 0x476e6b72;

/** What PRAGMA user_version holds. It grows with each change of the tables, and `migrations` gets the way there. */
export const SCHEMA_VERSION = 2;

/** `migrations[n]` leads from version n to version n + 1; the first makes an empty database ours. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE executions (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    pipeline TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    sweep_at INTEGER,
    json TEXT NOT NULL
  );
  CREATE INDEX executions_by_age ON executions (created_at);
  CREATE INDEX executions_by_pipeline ON executions (pipeline, created_at);
  CREATE INDEX executions_due ON executions (sweep_at) WHERE sweep_at IS NOT NULL;

  CREATE TABLE runs (
    execution TEXT NOT NULL,
    stage TEXT NOT NULL,
    version INTEGER NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (execution, stage)
  );

  -- Groups, locks and what notification channels have sent, told apart by kind.
  CREATE TABLE cells (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (kind, key)
  );

  CREATE TABLE pipelines (name TEXT PRIMARY KEY, json TEXT NOT NULL);
  CREATE TABLE triggers (
    key TEXT NOT NULL,
    pipeline TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (key, pipeline, position)
  ) WITHOUT ROWID;
  CREATE INDEX triggers_by_pipeline ON triggers (pipeline);

  CREATE TABLE inbox (id TEXT PRIMARY KEY, received_at INTEGER NOT NULL, json TEXT NOT NULL);
  CREATE INDEX inbox_by_age ON inbox (received_at);

  CREATE TABLE blobs (hash TEXT PRIMARY KEY, content TEXT NOT NULL);

  CREATE TABLE progress (
    execution TEXT NOT NULL,
    stage TEXT NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (execution, stage)
  );

  CREATE TABLE transitions (
    execution TEXT NOT NULL,
    revision INTEGER NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (execution, revision)
  ) WITHOUT ROWID;

  CREATE TABLE subscriptions (name TEXT PRIMARY KEY, topic TEXT NOT NULL);
  -- Searched by subscription once, when a process starts: an index would be written with every message.
  CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY,
    subscription TEXT NOT NULL,
    message_id TEXT NOT NULL,
    data TEXT NOT NULL,
    attributes TEXT NOT NULL,
    -- How often the message is known to have been delivered to the subscription.
    delivered INTEGER NOT NULL
  );

  CREATE TABLE wake_ups (
    name TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    topic TEXT NOT NULL,
    data TEXT NOT NULL,
    attributes TEXT NOT NULL,
    -- When the message was handed on; from then on the row only keeps its name from being used again.
    used_at INTEGER
  );
  CREATE INDEX wake_ups_due ON wake_ups (at) WHERE used_at IS NULL;
  CREATE INDEX wake_ups_used ON wake_ups (used_at) WHERE used_at IS NOT NULL;
  `,
  `
  CREATE TABLE schedules (
    pipeline TEXT NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (pipeline, key)
  ) WITHOUT ROWID;
  CREATE INDEX schedules_due ON schedules (due_at);
  `,
];
