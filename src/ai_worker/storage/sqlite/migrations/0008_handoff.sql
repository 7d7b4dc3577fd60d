-- Who waits for a person first, how long others have waited, and who talks to whom from their own messenger.
-- oldest: 1

ALTER TABLE conversation ADD COLUMN first_in_queue INTEGER NOT NULL DEFAULT 0;  -- says something while state = 'waiting'
CREATE INDEX conversation_queue ON conversation (first_in_queue DESC, waiting_since)
    WHERE state = 'waiting' AND standalone = 0;

-- One row for each contact that a person has seen to: what the next one is told rests on these.
CREATE TABLE handoff_wait (
    n INTEGER PRIMARY KEY,
    asked_at INTEGER NOT NULL,
    taken_at INTEGER NOT NULL
) STRICT;
CREATE INDEX handoff_wait_by_age ON handoff_wait (taken_at);

-- Colleagues who answer from their own messenger: whatever they write there goes to this conversation.
CREATE TABLE seat (
    channel TEXT NOT NULL,
    contact_id TEXT NOT NULL,
    person TEXT NOT NULL,               -- as the conversation has it
    conversation_id INTEGER,            -- NULL: they talk to nobody now
    taken_at INTEGER NOT NULL,          -- when they sat down, or said that they still do
    left_turn TEXT NOT NULL DEFAULT '', -- the turn by which they left last, and what they left: it may be asked again
    left_conversation INTEGER,
    PRIMARY KEY (channel, contact_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX seat_of_conversation ON seat (conversation_id) WHERE conversation_id IS NOT NULL;
