"""Ingestion: from files to passages. What parses a file runs in a child process with limits."""
