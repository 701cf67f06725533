"""The tables of `frontier.sqlite`, version by version; `PRAGMA user_version` says which one a file has."""

VERSION_1 = """
CREATE TABLE sources (
    source_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    declared TEXT NOT NULL              -- JSON
);
CREATE TABLE outbox_pages (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL,               -- which crawl fetched it
    source_id TEXT NOT NULL,
    page TEXT NOT NULL,                 -- JSON: a row of the store's pages, times as ISO 8601
    tally TEXT NOT NULL                 -- JSON: items, empty, unmatched, role, nofollow
);
CREATE TABLE outbox_records (
    page_sequence INTEGER NOT NULL,
    position INTEGER NOT NULL,
    natural_key TEXT,
    text TEXT NOT NULL,
    url TEXT NOT NULL,
    metadata TEXT NOT NULL,             -- JSON
    PRIMARY KEY (page_sequence, position)
) WITHOUT ROWID;
"""

VERSION_2 = """
ALTER TABLE outbox_records RENAME TO outbox_records_1;
CREATE TABLE outbox_records (
    page_sequence INTEGER NOT NULL,
    position INTEGER NOT NULL,
    natural_key TEXT,
    text TEXT,                          -- NULL: an image
    url TEXT NOT NULL,
    metadata TEXT NOT NULL,             -- JSON
    modality TEXT NOT NULL,
    media_path TEXT,
    PRIMARY KEY (page_sequence, position)
) WITHOUT ROWID;
INSERT INTO outbox_records
SELECT page_sequence, position, natural_key, text, url, metadata, 'text', NULL FROM outbox_records_1;
DROP TABLE outbox_records_1;
CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,               -- its name
    fingerprint BLOB NOT NULL,          -- 16 bytes of SHA-256 over role and canonical URL
    url TEXT NOT NULL,                  -- canonical
    role TEXT NOT NULL,
    about TEXT,                         -- JSON; NULL: nothing is known
    host TEXT NOT NULL,
    priority INTEGER NOT NULL,
    depth INTEGER NOT NULL,
    pass INTEGER NOT NULL,              -- of its source: in which it was asked for last
    state TEXT NOT NULL,                -- queued, leased, done or skipped
    why TEXT,                           -- it was skipped
    owner TEXT,                         -- of a lease: pid and start time of the process
    deaths INTEGER NOT NULL DEFAULT 0,  -- leases of it whose process died
    tries INTEGER NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0, -- of a queued one: epoch seconds; 0: now
    request BLOB,                       -- of another spider than ours: the whole Scrapy request
    etag TEXT,
    last_modified TEXT,
    body_hash TEXT,
    text_hash TEXT,
    status INTEGER,
    fetched_at REAL,
    page_id TEXT,
    warc_file TEXT,                     -- where the last whole answer lies
    warc_offset INTEGER,
    source_id TEXT,                     -- the declaration by which it was read
    gave_records INTEGER                -- NULL: it was never read without an error
);
CREATE UNIQUE INDEX requests_known ON requests (source, fingerprint);
CREATE INDEX requests_ready ON requests (source, host, priority DESC, depth, id)
WHERE state = 'queued' AND not_before = 0;
CREATE INDEX requests_later ON requests (not_before) WHERE state = 'queued' AND not_before > 0;
CREATE INDEX requests_skipped ON requests (source, why) WHERE state = 'skipped';
CREATE INDEX requests_leased ON requests (owner) WHERE state = 'leased';
CREATE TABLE passes (
    source TEXT PRIMARY KEY,
    pass INTEGER NOT NULL,              -- from 1
    source_id TEXT NOT NULL,            -- the declaration that it began with
    state TEXT NOT NULL,                -- open or done
    began REAL NOT NULL,
    pages INTEGER NOT NULL              -- fetched in it
);
CREATE TABLE patterns (
    source TEXT NOT NULL,
    pattern TEXT NOT NULL,              -- a path without its numbers, with its query's names; or a path alone
    urls INTEGER NOT NULL,              -- known of it
    dry INTEGER NOT NULL DEFAULT 0,     -- pages of it in a row that gave nothing new
    PRIMARY KEY (source, pattern)
) WITHOUT ROWID;
CREATE TABLE host_files (
    host TEXT NOT NULL,
    path TEXT NOT NULL,
    fetched_at REAL,
    status INTEGER,
    body BLOB,
    error TEXT,
    PRIMARY KEY (host, path)
);
CREATE TABLE hosts (host TEXT PRIMARY KEY, state TEXT);
CREATE TABLE templates (source TEXT NOT NULL, template TEXT NOT NULL, evidence TEXT, PRIMARY KEY (source, template));
CREATE TABLE proxies (proxy TEXT PRIMARY KEY, state TEXT);
CREATE TABLE live (name TEXT PRIMARY KEY, value TEXT, at REAL);
"""

VERSION_3 = """
-- 1: it was begun by another declaration than it has now
ALTER TABLE passes ADD COLUMN mixed INTEGER NOT NULL DEFAULT 0;
"""

VERSIONS = (VERSION_1, VERSION_2, VERSION_3)


def statements(script: str) -> list[str]:
    """The statements of a script, each without its semicolon."""
    return [one for one in script.strip().rstrip(";").split(";\n") if one.strip()]
