CREATE TABLE rights_policies (
    policy_hash VARCHAR PRIMARY KEY,
    declared VARCHAR NOT NULL,          -- JSON: what each kind of evidence forbids, and the permissions
    first_used TIMESTAMPTZ NOT NULL
);

CREATE TABLE page_decisions (
    page_id VARCHAR PRIMARY KEY,
    policy_hash VARCHAR NOT NULL,       -- under which policy; another one decides anew
    may_fetch BOOLEAN NOT NULL,
    may_label BOOLEAN NOT NULL,
    may_publish BOOLEAN NOT NULL,
    reasons VARCHAR NOT NULL,           -- JSON: the kinds of evidence that forbid something, in order
    permission VARCHAR,                 -- the stated permission that lifts what the page says
    decided_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE built_records (
    snapshot_id VARCHAR NOT NULL,
    content_hash VARCHAR NOT NULL,      -- of the release that was last built of the snapshot
    record_id VARCHAR NOT NULL
);

CREATE TABLE released_records (
    record_id VARCHAR PRIMARY KEY,      -- was in a release that was published; what the owner may have to answer for
    content_hash VARCHAR NOT NULL,      -- of the first such release
    released_at TIMESTAMPTZ NOT NULL
);
