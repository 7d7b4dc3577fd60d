-- First answers to requests with an Idempotency-Key, for 24 hours.
-- oldest: 1

CREATE TABLE first_answer (
    place bytea PRIMARY KEY,            -- SHA-256 of the caller and the key
    digest bytea NOT NULL,              -- SHA-256 of the request
    status integer NOT NULL,
    media_type text NOT NULL,
    body bytea,                         -- NULL: the request is known, its answer is not kept
    at bigint NOT NULL
);
CREATE INDEX first_answer_by_age ON first_answer (at);
