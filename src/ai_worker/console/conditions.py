"""How a channel is doing, in the reader's language: what channels say of themselves is English and for logs."""

import re

from ai_worker.console.words import Words

_KNOWN = tuple(
    (re.compile(pattern), key)
    for pattern, key in (
        (r"not started", "not_started"),
        (r"the last message could not be sent", "not_sent"),
        (r"another instance has taken the connection over.*", "displaced"),
        (r"connected from another node", "elsewhere"),
        (r"the long connection is down", "connection_down"),
        (r"the lease of the connection was lost", "lease_lost"),
        (r"nothing was heard for (?P<n>\d+) s", "silent"),
        (r"(?:[\w-]+: )?no connection within (?P<n>\d+) s", "no_connection"),
        (r"(?:[\w-]+: )?no answer within (?P<n>[\d.]+) s", "no_answer"),
        (r"(?:[\w-]+: )?the connection broke before the answer(?: \((?P<why>\w+)\))?", "broke"),
        (r"(?:[\w-]+: )?the platform gave no access token", "no_token"),
        (r"(?:[\w-]+: )?there is nobody to send to, or nothing to say", "nobody"),
        (r"(?:[\w-]+: )?there is nobody to send to", "nobody"),
        (r"(?:[\w-]+: )?the channel is not started", "not_started"),
        (r"(?:[\w-]+: )?HTTP status (?P<n>\d+)", "http_status"),
        (r"(?:[\w-]+: )?this process does not hold the long connection.*", "not_here"),
        (r"the platform gave a token.*", "token_given"),
    )
)
"""What channels are known to say, and under which key of the catalogue the reader's words stand."""


def condition(t: Words, said: str) -> str:
    """Return what a channel says of itself in the reader's words; a platform's own words stay as they are."""
    for pattern, key in _KNOWN:
        if found := pattern.fullmatch(said):
            return t(f"condition.{key}", **{name: value or "" for name, value in found.groupdict().items()})
    return said
