"""Handing over to a person: why, and what the contact is told."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a person was asked for."""

    ASKED = "asked"
    """The contact asked for a person."""

    COMPLAINT = "complaint"
    UNKNOWN = "unknown"
    """Neither knowledge nor tools have the answer."""

    UNCLEAR = "unclear"
    """Asked back twice and still not clear."""

    FAILED = "failed"
    """A tool or the model failed and waiting will not mend it."""

    @property
    def blocks(self) -> bool:
        """Whether the worker stops answering until a person has been there.

        Someone who asked for a person, or complains, must not be talked to by a machine again.
        Someone whose one question had no answer may still be helped with the next.
        """
        return self in (Reason.ASKED, Reason.COMPLAINT)
