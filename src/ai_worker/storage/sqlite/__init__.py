"""The embedded store: SQLite in WAL mode, one writer, group commit."""
