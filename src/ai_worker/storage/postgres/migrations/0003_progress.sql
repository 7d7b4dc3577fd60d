-- How far turns have come with tools that act. The version before does not look at it, and takes a
-- turn's row along when it forgets the turn.
-- oldest: 1

CREATE TABLE progress (
    seq bigint PRIMARY KEY REFERENCES inbound (seq) ON DELETE CASCADE,
    epoch bigint NOT NULL,              -- of the claim that wrote it last
    body text NOT NULL                  -- JSON: what was said with tools, and what they were called with
);
