"""Learning: feedback turned into better answers. (Its issue is still to come; the room stands empty.)."""
