"""Distinguished names (RFC 4514), as far as it takes to see what lies below what."""

import re

_PART = re.compile(r"(?:[^\\,\"]|\\.)+", re.DOTALL)
_ESCAPED = re.compile(r"\\([0-9A-Fa-f]{2}|.)", re.DOTALL)


def parts_of(name: str) -> list[str]:
    """Return a name's parts in a form that can be compared, the nearest first; empty: it is no such name."""
    parts, position = [], 0
    while position < len(name):
        match = _PART.match(name, position)
        if match is None:
            return []
        kind, equals, value = match[0].partition("=")
        if not equals or not kind.strip() or not value.strip():
            return []
        parts.append(f"{kind.strip().lower()}={_ESCAPED.sub(_plain, value.strip()).casefold()}")
        position = match.end() + 1
        if position == len(name) and name.endswith(",") and match.end() < len(name):
            return []
    return parts


def _plain(escaped: re.Match[str]) -> str:
    return f"\\{int(escaped[1], 16):02x}" if len(escaped[1]) == 2 else escaped[1]


def below(name: str, base: str) -> bool:
    """Return whether a name is the base, or lies below it."""
    parts, end = parts_of(name), parts_of(base)
    return bool(parts) and len(parts) >= len(end) and parts[len(parts) - len(end) :] == end
