-- Gaps that people close, golden questions, and what runs over them gave.
-- oldest: 1

ALTER TABLE gap ADD COLUMN kind TEXT NOT NULL DEFAULT 'unanswered';    -- unanswered, disliked
ALTER TABLE gap ADD COLUMN said TEXT NOT NULL DEFAULT '';              -- what was answered, if that did not help
ALTER TABLE gap ADD COLUMN state TEXT NOT NULL DEFAULT 'open';         -- open, answered, dismissed
ALTER TABLE gap ADD COLUMN base TEXT NOT NULL DEFAULT '';
ALTER TABLE gap ADD COLUMN entry_id TEXT NOT NULL DEFAULT '';
ALTER TABLE gap ADD COLUMN settled_at INTEGER;
ALTER TABLE gap ADD COLUMN settled_by TEXT NOT NULL DEFAULT '';

-- What the worker must go on answering rightly.
CREATE TABLE golden_question (
    id TEXT PRIMARY KEY,
    question TEXT NOT NULL,
    answer_ids TEXT NOT NULL,           -- JSON: a list, any one is right; empty: it must not be answered
    topic TEXT NOT NULL,
    source TEXT NOT NULL,               -- file, gap, feedback
    added_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE eval_run (
    n INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    body TEXT NOT NULL                  -- JSON: every question's outcome
) STRICT;

-- From which confidence on a knowledge base answers and asks back, where somebody has tuned it.
CREATE TABLE threshold (
    base TEXT PRIMARY KEY,
    target REAL NOT NULL,               -- the share of answers that is to be right
    answer_at REAL NOT NULL,
    clarify_at REAL NOT NULL,
    questions INTEGER NOT NULL,         -- golden questions that it was tuned on
    tuned_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
