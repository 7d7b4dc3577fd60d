-- Pictures and files that people send, kept with their content. Nothing refers to other tables, so that the version
-- before can delete what these rows belong to; the next sweep of this version takes them away.
-- oldest: 1

CREATE TABLE file (
    id TEXT PRIMARY KEY,
    said_in TEXT NOT NULL,              -- the turn, or the reply's id; '': nobody has said it yet
    part INTEGER NOT NULL,              -- its place in there
    channel TEXT NOT NULL,
    key TEXT NOT NULL,                  -- of the conversation, within the channel
    conversation_id INTEGER NOT NULL,   -- 0: not known yet
    kind TEXT NOT NULL,
    state TEXT NOT NULL,                -- loading, waiting, kept, failed
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER NOT NULL,            -- from when it may be fetched; while it is being fetched, the lease's end
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    error TEXT NOT NULL DEFAULT '',
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX file_due ON file (due_at) WHERE state = 'waiting';
CREATE INDEX file_said_in ON file (said_in, part);
CREATE INDEX file_by_age ON file (at);

-- The contents, in pieces that each take no longer to write than a batch of messages.
CREATE TABLE file_piece (
    file_id TEXT NOT NULL,
    n INTEGER NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (file_id, n)
) STRICT;
