-- What tools are to do once a person has given their word for it.
-- oldest: 1

CREATE TABLE approval (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    channel TEXT NOT NULL,              -- the asker's
    contact_id TEXT NOT NULL,
    conversation_key TEXT NOT NULL,
    state TEXT NOT NULL,
    approved_by TEXT NOT NULL,          -- whose word it takes
    asked_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_by TEXT NOT NULL DEFAULT '',   -- the turn that carried it out, or told how it ended
    body TEXT NOT NULL                  -- all of it, as JSON
) STRICT;
CREATE INDEX approval_waiting ON approval (expires_at) WHERE state = 'waiting';
CREATE INDEX approval_open ON approval (asked_at)
    WHERE approved_by = 'colleague' AND used_by = '' AND state <> 'replaced';
CREATE INDEX approval_by_age ON approval (asked_at);
