-- First answers to requests with an Idempotency-Key, for 24 hours.
-- oldest: 1

CREATE TABLE first_answer (
    place BLOB PRIMARY KEY,             -- SHA-256 of the caller and the key
    digest BLOB NOT NULL,               -- SHA-256 of the request
    status INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    body BLOB,                          -- NULL: the request is known, its answer is not kept
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX first_answer_by_age ON first_answer (at);
