-- The first schema. Times are microseconds since 1970 UTC; JSON columns are written by codec.py.
-- oldest: 1

-- Messages with one contact or group, and the lane in which they are worked off.
CREATE TABLE conversation (
    id INTEGER PRIMARY KEY,
    channel TEXT NOT NULL,
    key TEXT NOT NULL,
    contact_id TEXT NOT NULL,
    contact_name TEXT,
    worker TEXT NOT NULL,
    standalone INTEGER NOT NULL,
    state TEXT NOT NULL,
    person TEXT NOT NULL DEFAULT '',
    handoff_reason TEXT NOT NULL DEFAULT '',
    waiting_since INTEGER,
    pending_question TEXT,
    address TEXT NOT NULL,              -- JSON: how the channel reaches the contact, from its latest message
    opened_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    last_text TEXT NOT NULL,
    unread INTEGER NOT NULL,
    waiting INTEGER NOT NULL,           -- inbound messages that are not finished
    ready_at INTEGER NOT NULL,          -- from when the lane may be claimed; while it is owned, the lease's end
    owner TEXT,
    epoch INTEGER NOT NULL DEFAULT 0,   -- raised by every claim; what carries an older one is refused
    UNIQUE (channel, key)
) STRICT;
CREATE INDEX conversation_ready ON conversation (ready_at) WHERE waiting > 0;
CREATE INDEX conversation_listed ON conversation (state, last_at) WHERE standalone = 0;
CREATE INDEX conversation_asking ON conversation (waiting_since) WHERE state = 'waiting' AND standalone = 0;

-- What contacts said. Rows stay, so that a message is recognised however late it comes again.
CREATE TABLE inbound (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    channel TEXT NOT NULL,
    message_id TEXT NOT NULL,
    turn_id TEXT NOT NULL UNIQUE,
    conversation_id INTEGER NOT NULL REFERENCES conversation (id),
    state TEXT NOT NULL DEFAULT 'waiting',  -- waiting, done, dead
    received_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    held INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',
    digest TEXT NOT NULL,
    contact_name TEXT,
    text TEXT NOT NULL,                 -- as a person reads it
    body TEXT,                          -- JSON: the whole message; NULL once a done one is a week old
    UNIQUE (channel, message_id)
) STRICT;
CREATE INDEX inbound_lane ON inbound (conversation_id, seq) WHERE state = 'waiting';
CREATE INDEX inbound_dead ON inbound (conversation_id, seq) WHERE state = 'dead';
CREATE INDEX inbound_given_up ON inbound (received_at) WHERE state = 'dead';
CREATE INDEX inbound_body ON inbound (received_at) WHERE state = 'done' AND body IS NOT NULL;

-- What the worker made of them: one row for each inbound message that is done.
CREATE TABLE turn (
    seq INTEGER PRIMARY KEY REFERENCES inbound (seq),
    conversation_id INTEGER NOT NULL REFERENCES conversation (id),
    epoch INTEGER NOT NULL,             -- of the claim that finished it
    channel TEXT NOT NULL,
    decision TEXT NOT NULL,
    confidence REAL NOT NULL,
    model TEXT,
    received_at INTEGER NOT NULL,
    finished_at INTEGER NOT NULL,
    response_ms REAL NOT NULL,
    result TEXT NOT NULL                -- JSON
) STRICT;
CREATE INDEX turn_of_conversation ON turn (conversation_id, seq);
CREATE INDEX turn_sums ON turn (received_at, channel, decision, response_ms, conversation_id);

-- What goes out. `head` marks the first unsettled row of a conversation: the only one that may be claimed.
CREATE TABLE outbound (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    turn_id TEXT,                       -- NULL: a person wrote it
    conversation_id INTEGER NOT NULL REFERENCES conversation (id),
    channel TEXT NOT NULL,
    address TEXT NOT NULL,              -- JSON
    kind TEXT NOT NULL,
    person TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL,                -- waiting, sending, or how it ended
    head INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    unsure INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER NOT NULL,            -- from when it may be claimed; while it is being sent, the lease's end
    owner TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    settled_at INTEGER,
    error TEXT NOT NULL DEFAULT '',
    platform_id TEXT NOT NULL DEFAULT '',
    body TEXT NOT NULL                  -- JSON: the reply
) STRICT;
CREATE INDEX outbound_due ON outbound (due_at) WHERE head = 1;
CREATE INDEX outbound_lane ON outbound (conversation_id, n) WHERE settled_at IS NULL;
CREATE INDEX outbound_of_turn ON outbound (turn_id) WHERE turn_id IS NOT NULL;
CREATE INDEX outbound_of_person ON outbound (conversation_id, n) WHERE kind = 'human';
CREATE INDEX outbound_failed ON outbound (created_at) WHERE state IN ('failed', 'expired');

-- What happened in a conversation without being said.
CREATE TABLE notice (
    n INTEGER PRIMARY KEY,
    conversation_id INTEGER NOT NULL REFERENCES conversation (id),
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    person TEXT NOT NULL
) STRICT;
CREATE INDEX notice_of_conversation ON notice (conversation_id, n);

-- Questions that nothing answered, equal wordings together.
CREATE TABLE gap (
    n INTEGER PRIMARY KEY,
    folded TEXT NOT NULL UNIQUE,
    question TEXT NOT NULL,
    times INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    turn_id TEXT NOT NULL
) STRICT;
CREATE INDEX gap_by_age ON gap (last_at);

CREATE TABLE document (
    base TEXT NOT NULL,
    id TEXT NOT NULL,
    title TEXT NOT NULL,
    state TEXT NOT NULL,
    passages INTEGER NOT NULL,
    added_at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    code TEXT NOT NULL,
    PRIMARY KEY (base, id)
) STRICT, WITHOUT ROWID;

-- A removed passage stays as an empty row with its revision, so that an index hears of its end.
CREATE TABLE passage (
    revision INTEGER PRIMARY KEY,
    base TEXT NOT NULL,
    id TEXT NOT NULL,
    document_id TEXT NOT NULL,
    removed INTEGER NOT NULL DEFAULT 0,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    aliases TEXT NOT NULL,              -- JSON: a list
    locator TEXT NOT NULL,
    text TEXT NOT NULL,
    UNIQUE (base, id)
) STRICT;
CREATE INDEX passage_of_document ON passage (base, document_id) WHERE removed = 0;

CREATE TABLE knowledge_revision (latest INTEGER NOT NULL) STRICT;
INSERT INTO knowledge_revision VALUES (0);

CREATE TABLE api_key (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    verifier BLOB NOT NULL,
    scopes TEXT NOT NULL,               -- JSON: a list
    networks TEXT NOT NULL,             -- JSON: a list
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    last_used_at INTEGER,
    last_used_from TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE console_link (
    digest BLOB PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Written when somebody asks whether the database can be written, and never read.
CREATE TABLE pulse (at INTEGER NOT NULL) STRICT;
INSERT INTO pulse VALUES (0);
