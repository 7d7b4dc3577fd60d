"""Which line of a TOML text says what, so that a refusal can point at it.

`tomllib` gives values without their places. This reads the same text once more for the places
alone: only text that `tomllib` accepted, so nothing is checked here.
"""

import re
from collections.abc import Iterator

Path = tuple[str | int, ...]
"""Where a value stands in the tree: `("model", "fallbacks", 0, "name")`."""

_SKIP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)+")
_KEY = re.compile(r"""[ \t]*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))[ \t]*""")
_STRING = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:[^"\\]|\\.)*"' r"|'[^']*'", re.DOTALL)


def lines_of(text: str) -> dict[Path, int]:
    """Return the line (from 1) of every table header and key in `text`.

    A key inside an inline table or an array is not listed; `line_of` then gives its statement's.
    """
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    for at, kind, names in _statements(text):
        line = text.count("\n", 0, at) + 1
        if kind == "key":
            path = table + names
        else:
            path = _enter(names, counts)
            if kind == "array":
                counts[path] = counts.get(path, 0) + 1
                found.setdefault(path, line)
                path = (*path, counts[path] - 1)
            table = path
        for end in range(1, len(path) + 1):
            found.setdefault(path[:end], line)
    return found


def line_of(path: Path, lines: dict[Path, int]) -> int | None:
    """Return the line of `path`, or of the nearest thing around it; `None` if the file has neither."""
    for end in range(len(path), 0, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return None


def _enter(names: Path, counts: dict[Path, int]) -> Path:
    """Return the full path of a header: a name that is an array stands for its latest element."""
    path: Path = ()
    for name in names[:-1]:
        path = (*path, name)
        if path in counts:
            path = (*path, counts[path] - 1)
    return (*path, names[-1])


def _statements(text: str) -> Iterator[tuple[int, str, Path]]:
    """Yield where each statement begins, whether it is a `table`, an `array` or a `key`, and its names."""
    at = 0
    while True:
        if skip := _SKIP.match(text, at):
            at = skip.end()
        if at >= len(text):
            return
        start = at
        kind = "array" if text.startswith("[[", at) else "table" if text[at] == "[" else "key"
        names, at = _names(text, at + {"array": 2, "table": 1, "key": 0}[kind])
        at = _end_of_value(text, at)
        if names:
            yield start, kind, names


def _names(text: str, at: int) -> tuple[Path, int]:
    """Read a dotted key; return its parts and the place after it."""
    names: list[str] = []
    while part := _KEY.match(text, at):
        names.append(next(group for group in part.groups() if group is not None))
        at = part.end()
        if not text.startswith(".", at):
            break
        at += 1
    return tuple(names), at


def _end_of_value(text: str, at: int) -> int:
    """Return where the statement ends: at a line end outside every string, array and inline table."""
    depth = 0
    while at < len(text):
        if text[at] in "\"'" and (string := _STRING.match(text, at)):
            at = string.end()
            continue
        if text[at] == "#":
            at = text.find("\n", at) if "\n" in text[at:] else len(text)
            continue
        if text[at] == "\n" and depth <= 0:
            return at
        depth += (text[at] in "[{") - (text[at] in "]}")
        at += 1
    return at
