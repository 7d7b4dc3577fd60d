-- By what a node knows that it has the installation's pepper, and who asks for it. Expand only.
-- oldest: 1

CREATE TABLE installation (
    name text PRIMARY KEY,     -- pepper: a check of it, never itself
    value bytea NOT NULL
);

CREATE TABLE pepper_request (
    id text PRIMARY KEY,
    public_key bytea NOT NULL,  -- X25519
    asked_at bigint NOT NULL,
    answer bytea                -- sealed for that key; NULL: nobody has answered yet
);
