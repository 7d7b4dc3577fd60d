"""Operation: what is counted, watched and shown."""
