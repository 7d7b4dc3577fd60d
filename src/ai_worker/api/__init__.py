"""The API door, port 18789."""
