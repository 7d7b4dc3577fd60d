-- Pictures and files that people send, kept with their content. Nothing refers to other tables, so that the version
-- before can delete what these rows belong to; the next sweep of this version takes them away.
-- oldest: 1

CREATE TABLE file (
    id text PRIMARY KEY,
    said_in text NOT NULL,              -- the turn, or the reply's id; '': nobody has said it yet
    part integer NOT NULL,              -- its place in there
    channel text NOT NULL,
    key text NOT NULL,                  -- of the conversation, within the channel
    conversation_id bigint NOT NULL,    -- 0: not known yet
    kind text NOT NULL,
    state text NOT NULL,                -- loading, waiting, kept, failed
    attempts integer NOT NULL DEFAULT 0,
    due_at bigint NOT NULL,             -- from when it may be fetched; while it is being fetched, the lease's end
    name text NOT NULL,
    media_type text NOT NULL,
    size bigint NOT NULL,
    sha256 text NOT NULL,
    error text NOT NULL DEFAULT '',
    at bigint NOT NULL
);
CREATE INDEX file_due ON file (due_at) WHERE state = 'waiting';
CREATE INDEX file_said_in ON file (said_in, part);
CREATE INDEX file_by_age ON file (at);

-- The contents, in pieces that each take no longer to write than a batch of messages.
CREATE TABLE file_piece (
    file_id text NOT NULL,
    n integer NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (file_id, n)
);
