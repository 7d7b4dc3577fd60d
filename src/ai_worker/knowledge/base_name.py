"""What a knowledge base can be called."""

import re

from ai_worker.knowledge.ingest.refusals import BadBaseName

_BASE_NAME = re.compile(r"[\w.-]{1,64}")


def check_base(base: str) -> None:
    """Make sure that a knowledge base can be called so.

    Raises:
        BadBaseName: It cannot.
    """
    if not _BASE_NAME.fullmatch(base):
        raise BadBaseName(f"{base!r} is no name for a knowledge base: letters, digits, '.', '-', '_', at most 64")
