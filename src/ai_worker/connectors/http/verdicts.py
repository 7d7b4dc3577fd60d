"""What an answer, or its absence, means: done, refused, failed, or nobody knows."""

import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from ai_worker.connectors.contract import Answer
from ai_worker.connectors.operation import Operation
from ai_worker.connectors.profile import Profile
from ai_worker.skills.tool import ToolFailed, ToolRefused, ToolUnsure

REFUSED = frozenset({400, 404, 406, 409, 410, 412, 415, 422})
"""The system works, has done nothing, and says why not."""

UNTOUCHED = frozenset({405, 413, 414, 421, 426, 428, 429, 431, 451, 501, 505, 508})
"""Nothing was done, and the contact can do nothing about it."""

WORTH_ANOTHER = frozenset({429, 502, 503, 504})
"""Passing troubles: a call that only reads is made again."""

MAX_WORDS = 300


def acts(operation: Operation) -> bool:
    """Return whether the operation may change something."""
    return operation.risk != "read"


def repeatable(operation: Operation, profile: Profile, idempotency_key: str) -> bool:
    """Return whether making the call twice does no more than making it once."""
    return not acts(operation) or bool(profile.idempotency_header and idempotency_key)


def judge(operation: Operation, answer: Answer) -> None:
    """Raise unless the status says that it was done.

    Raises:
        ToolRefused: The system says no.
        ToolUnsure: Of an operation that acts: the status does not say whether it has.
        ToolFailed: The system failed, or does not take our credentials; nothing was changed.
    """
    status, name = answer.status, operation.name
    if 200 <= status < 300:
        return
    words = _words(answer.data)
    if status in REFUSED:
        raise ToolRefused(f"{name}: the system refused ({status}){words}")
    if status in (401, 403, 407):
        raise ToolFailed(f"{name}: the system refused our credentials ({status})")
    if 300 <= status < 400:
        problem = f"{name}: the system sent us elsewhere ({status}); we do not follow there"
        # 301 to 303 commonly follow a form that was taken; 307 and 308 say that it was not.
        raise _for(operation, problem, done_nothing=status in (304, 307, 308))
    problem = f"{name}: the system failed ({status}){words}"
    raise _for(operation, problem, done_nothing=status in UNTOUCHED or 400 <= status < 500)


def no_answer(operation: Operation, problem: str, *, sent: bool) -> ToolFailed:
    """Return the error for a call that nobody answered.

    Args:
        operation: The one that was called.
        problem: What happened.
        sent: Whether the request may have reached the system.
    """
    return _for(operation, f"{operation.name}: {problem}", done_nothing=not sent)


def retry_after(value: str, now: datetime) -> float | None:
    """Return the seconds that a `Retry-After` asks for (RFC 9110 §10.2.3); `None`: it says nothing usable."""
    if re.fullmatch(r"\s*\d{1,9}(\.\d+)?\s*", value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    if moment.tzinfo is None:
        return None
    return max(0.0, (moment - now).total_seconds())


def _for(operation: Operation, problem: str, *, done_nothing: bool) -> ToolFailed:
    return ToolFailed(problem) if done_nothing or not acts(operation) else ToolUnsure(problem)


def _words(data: Any) -> str:
    """Return the system's own words, cut; the reader must not take them for ours."""
    if data in (None, "", {}, []):
        return ""
    text = data if isinstance(data, str) else msgspec.json.encode(data).decode()
    text = " ".join(text.split())
    return f": “{text[:MAX_WORDS]}{'…' if len(text) > MAX_WORDS else ''}”"
