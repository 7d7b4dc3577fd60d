"""The business systems that we know: facts about each, and what was proven of it."""
