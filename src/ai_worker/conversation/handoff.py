"""Handing over to a person: why, and what the contact is told."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a person was asked for."""

    ASKED = "asked"
    """The contact asked for a person."""

    COMPLAINT = "complaint"
    ANGER = "anger"
    """The contact is angry, whatever about."""

    SENSITIVE = "sensitive"
    """The message is about something that the settings leave to people (`handoff.sensitive`)."""

    VIP = "vip"
    """The contact is one of those who talk to people (`handoff.vip`)."""

    UNKNOWN = "unknown"
    """Neither knowledge nor tools have the answer."""

    UNCLEAR = "unclear"
    """Asked back twice and still not clear."""

    UNHELPFUL = "unhelpful"
    """The contact has said of two answers in a row that they did not help."""

    FAILED = "failed"
    """A tool or the model failed and waiting will not mend it."""

    @property
    def blocks(self) -> bool:
        """Whether the worker stops answering until a person has been there.

        Someone who asked for a person, complains or is angry must not be talked to by a machine again,
        nor must what was left to people be gone on with. Someone whose one question had no answer may
        still be helped with the next.
        """
        return self in (Reason.ASKED, Reason.COMPLAINT, Reason.ANGER, Reason.SENSITIVE, Reason.VIP)
