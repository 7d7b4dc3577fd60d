"""Results: what business systems said, without what their texts tell a machine to do."""

import re
from collections.abc import Sequence
from typing import Any

from ai_worker.conversation.grounding.evidence import evidence

LONGEST_DEPTH = 8
"""How deep a tool's result is looked into; what lies deeper is not shown."""


def plain_value(value: Any, *, names: Sequence[str] = (), depth: int = 0) -> Any:
    """Return a JSON value of a business system without the orders in its texts."""
    if depth > LONGEST_DEPTH:
        return None
    if isinstance(value, str):
        return evidence(value, names=tuple(names))
    if isinstance(value, dict):
        inner = ((key, plain_value(one, names=names, depth=depth + 1)) for key, one in value.items())
        return {evidence(str(key), names=tuple(names)): one for key, one in inner}
    if isinstance(value, list | tuple):
        return [plain_value(one, names=names, depth=depth + 1) for one in value]
    return value


_BARE = re.compile(
    r"[A-Za-z0-9_.:+/#-]{1,32}|\d[\d\s:.,/-]{0,30}|[\u3400-\u9fff]{1,3}"
    r"|(?=[^\d]*\d)[\d\s年月日时分秒元天个件份号%.,:-]{1,20}"
)


def bare_data(value: Any, *, depth: int = 0) -> bool:
    """Return whether a JSON value is nothing but numbers, ids and single words: nothing that could order anything."""
    if depth > LONGEST_DEPTH:
        return False
    if isinstance(value, str):
        return not value or _BARE.fullmatch(value) is not None
    if isinstance(value, dict):
        return all(bare_data(str(key)) and bare_data(inner, depth=depth + 1) for key, inner in value.items())
    if isinstance(value, list | tuple):
        return all(bare_data(inner, depth=depth + 1) for inner in value)
    return True
