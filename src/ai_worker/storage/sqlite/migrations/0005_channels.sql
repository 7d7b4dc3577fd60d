-- What channels remember and agree on, and what contacts think of answers. Expand only.
-- oldest: 1

-- Small things that a channel must not forget: cursors, sealed tokens, cards that are being written.
CREATE TABLE channel_memory (
    channel TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    ends_at INTEGER,                    -- NULL: never
    PRIMARY KEY (channel, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX channel_memory_over ON channel_memory (ends_at) WHERE ends_at IS NOT NULL;

-- Who may do what only one may do at a time.
CREATE TABLE channel_lease (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How much of the platforms' limits is spent.
CREATE TABLE channel_limit (
    channel TEXT NOT NULL,
    key TEXT NOT NULL,
    spent BLOB NOT NULL,                -- moments and counts, written by windows.py
    blocked_at INTEGER NOT NULL,
    blocked_for INTEGER NOT NULL,       -- microseconds in which the platform lets nothing through
    idle_at INTEGER NOT NULL,           -- from when the row may be forgotten, in whole hours
    PRIMARY KEY (channel, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX channel_limit_idle ON channel_limit (idle_at);

-- The latest that each contact said about each answer.
CREATE TABLE feedback (
    n INTEGER PRIMARY KEY,
    turn_id TEXT NOT NULL REFERENCES inbound (turn_id),
    channel TEXT NOT NULL,
    contact TEXT NOT NULL,
    mark TEXT NOT NULL,                 -- up, down
    at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    correct_answer TEXT NOT NULL,
    UNIQUE (turn_id, channel, contact)
) STRICT;

-- Proactive messages: urgent ones stand before the others of their conversation, and several go out as one.
ALTER TABLE outbound ADD COLUMN urgent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbound ADD COLUMN merged_into TEXT;  -- the id of the row that has its words by now; its state is then `merged`
CREATE INDEX outbound_urgent ON outbound (conversation_id, n) WHERE settled_at IS NULL AND urgent = 1;
