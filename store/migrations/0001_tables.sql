CREATE TABLE sources (
    source_id VARCHAR PRIMARY KEY,      -- hash over name and declaration
    name VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    declared VARCHAR NOT NULL,          -- JSON, as the project file had it when used
    first_used TIMESTAMPTZ NOT NULL
);

CREATE TABLE pages (
    page_id VARCHAR PRIMARY KEY,
    source_id VARCHAR NOT NULL,
    url VARCHAR NOT NULL,
    final_url VARCHAR,
    fetched_at TIMESTAMPTZ NOT NULL,
    status INTEGER,                     -- NULL: no answer came; `error` says why
    content_type VARCHAR,
    etag VARCHAR,
    last_modified VARCHAR,
    body_hash VARCHAR,
    body_bytes BIGINT,
    seconds DOUBLE,
    warc_file VARCHAR,                  -- relative to the project folder
    warc_offset BIGINT,
    robots VARCHAR,                     -- allowed, disallowed or none
    rights VARCHAR,                     -- JSON: the evidence found on the page
    rendered VARCHAR NOT NULL,          -- http or browser
    depth INTEGER,
    records_found INTEGER,
    error VARCHAR
);

CREATE TABLE records (
    record_id VARCHAR PRIMARY KEY,
    source_name VARCHAR NOT NULL,
    source_id VARCHAR,
    natural_key VARCHAR,
    content_hash VARCHAR NOT NULL,
    modality VARCHAR NOT NULL,          -- text or image
    text VARCHAR,
    media_path VARCHAR,
    url VARCHAR,
    metadata VARCHAR NOT NULL,          -- JSON, as found
    supersedes VARCHAR,
    added_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE sightings (
    record_id VARCHAR NOT NULL,
    page_id VARCHAR NOT NULL,
    position INTEGER,                   -- the how-manieth item of the page, from 0
    seen_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (record_id, page_id)
);

CREATE TABLE traits (
    record_id VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    value VARCHAR NOT NULL,             -- JSON
    version VARCHAR NOT NULL,
    found_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (record_id, name)
);

CREATE TABLE duplicates (
    record_id VARCHAR PRIMARY KEY,
    cluster_id VARCHAR NOT NULL,
    representative_id VARCHAR NOT NULL,
    similarity DOUBLE NOT NULL,         -- to the representative, 0 to 1
    method VARCHAR NOT NULL
);

CREATE TABLE splits (
    record_id VARCHAR PRIMARY KEY,
    split VARCHAR NOT NULL,             -- train, validation, test or holdout
    group_id VARCHAR NOT NULL,
    origin VARCHAR NOT NULL,            -- drawn or import
    assigned_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE assignments (
    assignment_id VARCHAR PRIMARY KEY,
    record_id VARCHAR NOT NULL,
    studio VARCHAR NOT NULL,            -- which Label Studio: its URL or the embedded one's own id
    project_id BIGINT,
    external_task_id BIGINT,            -- NULL until the task is known to be there
    round_id VARCHAR,
    purpose VARCHAR NOT NULL,           -- selected, control, holdout, relook
    why VARCHAR NOT NULL,               -- a sentence that a person can read
    score DOUBLE,
    position BIGINT NOT NULL,           -- order in the batch, from 0
    answers_wanted INTEGER NOT NULL,
    model_id VARCHAR,                   -- whose prediction was shown
    prediction VARCHAR,                 -- JSON: {"probabilities": {class: p, ...}} as shown, or NULL
    state VARCHAR NOT NULL,             -- intended, sent, answered, withdrawn, lost
    created_at TIMESTAMPTZ NOT NULL,
    sent_at TIMESTAMPTZ
);

CREATE TABLE annotations (
    origin VARCHAR NOT NULL,            -- which studio and project, or which import
    external_id VARCHAR NOT NULL,
    revision VARCHAR NOT NULL,          -- the service's updated_at, or 'deleted'
    sequence BIGINT NOT NULL,           -- the order in which the store received them
    record_id VARCHAR NOT NULL,
    assignment_id VARCHAR,
    annotator VARCHAR NOT NULL,
    value VARCHAR NOT NULL,             -- JSON
    annotated_at TIMESTAMPTZ NOT NULL,
    lead_time DOUBLE,                   -- seconds
    model_id VARCHAR,                   -- whose prediction the annotator saw
    schema_hash VARCHAR NOT NULL,
    state VARCHAR NOT NULL,             -- given, cancelled or deleted
    received_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (origin, external_id, revision)
);

CREATE TABLE labels (
    record_id VARCHAR PRIMARY KEY,
    value VARCHAR NOT NULL,             -- JSON
    quality DOUBLE NOT NULL,            -- how much the answers support it, 0 to 1
    annotations INTEGER NOT NULL,
    annotators INTEGER NOT NULL,
    method VARCHAR NOT NULL,
    schema_hash VARCHAR NOT NULL,
    resolved_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE schemas (
    schema_hash VARCHAR PRIMARY KEY,
    declared VARCHAR NOT NULL,          -- JSON
    first_used TIMESTAMPTZ NOT NULL
);

CREATE TABLE models (
    model_id VARCHAR PRIMARY KEY,
    rung VARCHAR NOT NULL,              -- probe or fine-tune
    encoder VARCHAR NOT NULL,           -- name@revision
    recipe VARCHAR NOT NULL,            -- JSON
    seed BIGINT NOT NULL,
    snapshot_id VARCHAR,
    round_id VARCHAR,
    metrics VARCHAR,                    -- JSON: with intervals, on the holdout
    calibration VARCHAR,                -- JSON
    path VARCHAR NOT NULL,              -- relative to the project folder
    alias VARCHAR,                      -- current, or NULL
    schema_hash VARCHAR NOT NULL,
    fitted_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE predictions (
    model_id VARCHAR NOT NULL,
    record_id VARCHAR NOT NULL,
    probabilities FLOAT[] NOT NULL,     -- in the order of the schema's classes
    PRIMARY KEY (model_id, record_id)
);

CREATE TABLE embeddings (
    content_hash VARCHAR NOT NULL,
    encoder VARCHAR NOT NULL,           -- name@revision
    vector FLOAT[] NOT NULL,
    PRIMARY KEY (content_hash, encoder)
);

CREATE TABLE issues (
    issue_id VARCHAR PRIMARY KEY,
    kind VARCHAR NOT NULL,              -- label-error, outside-schema, …
    record_id VARCHAR,
    score DOUBLE,                       -- 0 to 1, higher is more suspicious
    given VARCHAR,                      -- JSON: the value under suspicion
    suggested VARCHAR,                  -- JSON: what it might be instead
    evidence VARCHAR NOT NULL,          -- JSON
    state VARCHAR NOT NULL,             -- open, sent, confirmed, corrected, dismissed
    assignment_id VARCHAR,              -- the second look that it led to
    found_at TIMESTAMPTZ NOT NULL,
    closed_at TIMESTAMPTZ
);

CREATE TABLE rounds (
    round_id VARCHAR PRIMARY KEY,
    number INTEGER NOT NULL,
    state VARCHAR NOT NULL,             -- the step that comes next, or done
    strategy VARCHAR NOT NULL,
    size INTEGER NOT NULL,
    seed BIGINT NOT NULL,
    numbers VARCHAR NOT NULL,           -- JSON: what the round found
    started_at TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ
);

CREATE TABLE snapshots (
    snapshot_id VARCHAR PRIMARY KEY,    -- SHA-256 over the sorted rows
    rows BIGINT NOT NULL,
    schema_hash VARCHAR NOT NULL,
    manifest VARCHAR NOT NULL,          -- JSON: counts per split and class
    made_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE snapshot_rows (
    snapshot_id VARCHAR NOT NULL,
    record_id VARCHAR NOT NULL,
    content_hash VARCHAR NOT NULL,
    split VARCHAR NOT NULL,
    group_id VARCHAR NOT NULL,
    value VARCHAR NOT NULL,             -- JSON
    quality DOUBLE NOT NULL,
    annotations INTEGER NOT NULL,
    annotators INTEGER NOT NULL,
    method VARCHAR NOT NULL,
    PRIMARY KEY (snapshot_id, record_id)
);

CREATE TABLE releases (
    release_id VARCHAR PRIMARY KEY,     -- hash over snapshot, model and target
    snapshot_id VARCHAR NOT NULL,
    model_id VARCHAR,
    target VARCHAR NOT NULL,            -- a folder, or hf://datasets/name
    state VARCHAR NOT NULL,             -- intended or published
    content_hash VARCHAR NOT NULL,      -- over the files' hashes
    revision VARCHAR,                   -- the Hub's commit
    intended_at TIMESTAMPTZ NOT NULL,
    published_at TIMESTAMPTZ
);

CREATE TABLE cursors (
    name VARCHAR PRIMARY KEY,           -- what is followed, such as a studio's project
    value VARCHAR NOT NULL,             -- how far it has been read
    moved_at TIMESTAMPTZ NOT NULL
);
