"""Grounding: what of a text may be obeyed (nothing), and what of an answer rests on what was shown."""
