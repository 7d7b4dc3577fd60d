-- By what a node knows that it has the installation's pepper, and who asks for it. Expand only.
-- oldest: 1

CREATE TABLE installation (
    name TEXT PRIMARY KEY,     -- pepper: a check of it, never itself
    value BLOB NOT NULL
) STRICT;

CREATE TABLE pepper_request (
    id TEXT PRIMARY KEY,
    public_key BLOB NOT NULL,  -- X25519
    asked_at INTEGER NOT NULL,
    answer BLOB                -- sealed for that key; NULL: nobody has answered yet
) STRICT;
