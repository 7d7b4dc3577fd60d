"""Audit: who did what, when. (Its issue is still to come; the room stands empty.)."""
