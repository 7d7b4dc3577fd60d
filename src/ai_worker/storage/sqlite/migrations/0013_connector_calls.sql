-- What became of calls of business systems, and how the connectors stand. Expand only.
-- oldest: 1

CREATE TABLE connector_call (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    connector TEXT NOT NULL,
    tool TEXT NOT NULL,
    code TEXT NOT NULL,                 -- ok, or the error's
    ms REAL NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX connector_call_of ON connector_call (connector, n);
CREATE INDEX connector_call_at ON connector_call (at, connector, code, ms);

CREATE TABLE connector_check (
    connector TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    last TEXT NOT NULL,                 -- JSON
    good_at INTEGER,
    error TEXT,                         -- JSON: the last one that was not well
    drift INTEGER                       -- 0 or 1; NULL: nobody has looked
) STRICT, WITHOUT ROWID;
CREATE INDEX connector_check_at ON connector_check (at);
