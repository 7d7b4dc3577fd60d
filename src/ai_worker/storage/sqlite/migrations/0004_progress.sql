-- How far turns have come with tools that act. The version before does not look at it.
-- oldest: 1

CREATE TABLE progress (
    seq INTEGER PRIMARY KEY REFERENCES inbound (seq),
    epoch INTEGER NOT NULL,             -- of the claim that wrote it last
    body TEXT NOT NULL                  -- JSON: what was said with tools, and what they were called with
) STRICT;
