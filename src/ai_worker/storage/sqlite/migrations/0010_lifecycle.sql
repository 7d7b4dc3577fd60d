-- How knowledge is kept: conditions, versions, and the sources that it is kept in step with. Expand only.
-- oldest: 1

ALTER TABLE document ADD COLUMN keeping TEXT NOT NULL DEFAULT '{}';    -- JSON: who may read it, and when it holds
ALTER TABLE document ADD COLUMN review_by TEXT;                        -- a day, as ISO 8601 writes it; of `keeping`
ALTER TABLE document ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE document ADD COLUMN place TEXT NOT NULL DEFAULT '';
ALTER TABLE document ADD COLUMN troubles TEXT NOT NULL DEFAULT '[]';   -- JSON
CREATE INDEX document_due ON document (review_by) WHERE review_by IS NOT NULL;

ALTER TABLE passage ADD COLUMN keeping TEXT NOT NULL DEFAULT '{}';
ALTER TABLE passage ADD COLUMN review_by TEXT;                         -- of entries with conditions of their own
CREATE INDEX passage_due ON passage (review_by) WHERE review_by IS NOT NULL AND removed = 0;

ALTER TABLE knowledge_revision ADD COLUMN purged INTEGER NOT NULL DEFAULT 0;

-- Every change of an entry or a document: the state that it led to.
CREATE TABLE knowledge_version (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    base TEXT NOT NULL,
    kind TEXT NOT NULL,                 -- entry, document
    id TEXT NOT NULL,
    at INTEGER NOT NULL,
    person TEXT NOT NULL,
    act TEXT NOT NULL,                  -- found, put, removed, restored
    title TEXT NOT NULL,
    body BLOB NOT NULL                  -- JSON, compressed by versions.py
) STRICT;
CREATE INDEX knowledge_version_of ON knowledge_version (base, kind, id, n);
CREATE INDEX knowledge_version_removed ON knowledge_version (at) WHERE act = 'removed';

-- What sources looked like when they were read last.
CREATE TABLE knowledge_source (
    name TEXT PRIMARY KEY,
    ran_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    report TEXT NOT NULL                -- JSON
) STRICT, WITHOUT ROWID;

CREATE TABLE knowledge_item (
    source TEXT NOT NULL,
    id TEXT NOT NULL,                   -- the document's
    seen TEXT NOT NULL,                 -- JSON: what tells whether it has changed, and when it was missed first
    PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;
