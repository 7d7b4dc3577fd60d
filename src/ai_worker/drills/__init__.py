"""Drills: the product measuring its own promises. (Their issue is still to come.)."""
