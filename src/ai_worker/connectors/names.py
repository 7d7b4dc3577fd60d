"""Names of operations and arguments: the same for every version of a contract, and never twice."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence

MAX_NAME = 48
"""With a connector's id and a dot before it a tool's name still has at most 64 characters."""

_FOREIGN = re.compile(r"[^A-Za-z0-9_-]+")


def names(operations: Sequence[tuple[str, str, str]]) -> list[str]:
    """Return a name for each operation, given as (operationId, method, path).

    A name comes from its operation alone, so that others may come and go: only those that would share
    one bear a mark of their method and path, all of them.
    """
    plain = [_shortened(_plain(identity, method, path)) for identity, method, path in operations]
    shared = {name for name, count in Counter(plain).items() if count > 1}
    marked = [
        _marked(name, f"{method} {path}") if name in shared else name
        for name, (_, method, path) in zip(plain, operations, strict=True)
    ]
    if len(set(marked)) == len(marked):
        return marked
    return _numbered(marked)


def argument(name: str) -> str:
    """Return what a parameter or property is called among the arguments."""
    clean = re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("_.-")
    if not clean:
        return f"a_{_mark(name)}"
    return clean if len(clean) <= 64 else f"{clean[:55]}_{_mark(name)}"


def _plain(identity: str, method: str, path: str) -> str:
    name = _FOREIGN.sub("_", identity).strip("_")
    if re.search("[A-Za-z0-9]", name):
        return name
    steps = [re.sub(r"[{}]", "", step) for step in path.split("/") if step]
    return _FOREIGN.sub("_", "_".join([method.lower(), *steps])).strip("_")


def _shortened(name: str) -> str:
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 9]}_{_mark(name)}"


def _marked(name: str, of: str) -> str:
    return f"{name[: MAX_NAME - 9]}_{_mark(of)}"


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _numbered(marked: Iterable[str]) -> list[str]:
    """Return names that are unique even where one operation's own name looks like another's mark."""
    taken: set[str] = set()
    result = []
    for name in marked:
        candidate, number = name, 2
        while candidate in taken:
            candidate, number = f"{name[: MAX_NAME - 6]}_{number}", number + 1
        taken.add(candidate)
        result.append(candidate)
    return result
