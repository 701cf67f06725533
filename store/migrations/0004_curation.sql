CREATE TABLE set_aside (
    record_id VARCHAR NOT NULL,
    step VARCHAR NOT NULL,              -- language, length, letters, repetition, boilerplate, notice, pii or split
    reason VARCHAR NOT NULL,            -- a phrase that a person can read
    PRIMARY KEY (record_id, step)
);
