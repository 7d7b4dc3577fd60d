"""The scale-out store: PostgreSQL, several nodes on one database, group commit in each."""
