"""What the environment says: `AI_WORKER__SECTION__KEY`, and three bare names."""

import copy
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_origin

from ai_worker.settings import shape
from ai_worker.settings.guess import remedy
from ai_worker.settings.lines import Path
from ai_worker.settings.problems import Problem
from ai_worker.settings.tree import Settings

PREFIX = "AI_WORKER__"
BARE = ("API_KEY", "MAX_CONCURRENT", "LOG_LEVEL")
"""Names that work without the prefix. An empty one counts as unset: compose files hand on empty ones."""


@dataclass(slots=True)
class Overlaid:
    """The file's values with the environment's on top."""

    data: dict[str, Any]
    variables: dict[Path, str] = field(default_factory=dict)
    """Which variable said what."""

    problems: list[Problem] = field(default_factory=list)


def overlay(data: Mapping[str, Any], environ: Mapping[str, str]) -> Overlaid:
    """Return `data` with what `environ` says put over it; `data` itself stays as it is."""
    result = Overlaid(copy.deepcopy(dict(data)))
    said = {name: [name] for name in BARE if environ.get(name)}
    # Channels' kinds come first: which other keys a channel has depends on it.
    prefixed = sorted(
        (n for n in environ if n.startswith(PREFIX)), key=lambda name: (not name.endswith("__KIND"), name)
    )
    said |= {name: name.removeprefix(PREFIX).split("__") for name in prefixed}
    for variable, words in said.items():
        path = _resolve(words, result.data)
        if path is None:
            facts = remedy(words[-1].lower(), _known(words, result.data))
            result.problems.append(Problem("unknown_variable", variable=variable, facts=facts))
            continue
        if not _put(result.data, path, _value(environ[variable], shape.at(path, result.data))):
            result.problems.append(Problem("table", path[:-1], variable=variable))
            continue
        result.variables[path] = variable
    return result


def _resolve(words: Sequence[str], data: Any) -> Path | None:
    """Return the path in the tree that a variable's words mean; `None` if there is no such key."""
    kind: Any = Settings
    path: Path = ()
    for word in words:
        key = _key(word, kind, data)
        if key is None:
            return None
        kind = shape.child(kind, key, data)
        if kind is None:
            return None
        path = (*path, key)
        data = shape.inside(data, key)
    return path or None


def _key(word: str, kind: Any, data: Any) -> str | int | None:
    """Return the key of `kind` that `word` means."""
    if shape.is_list(kind):
        return int(word) if word.isdecimal() and len(word) < 4 else None
    for key in [*shape.keys(kind, data), *(data if isinstance(data, dict) else ())]:
        if _spelled(key) == word:
            return str(key)
    if get_origin(shape.bare(kind)) is not dict or not word:
        return None
    # A name that only the environment knows: Kafka's options are dotted, our names hyphenated.
    return word.lower().replace("_", "." if shape.is_secret(shape.child(kind, "", None)) else "-")


def _spelled(key: object) -> str:
    return str(key).upper().replace("-", "_").replace(".", "_")


def _known(words: Sequence[str], data: Any) -> list[str]:
    """Return the keys that could have stood where the last word does."""
    kind: Any = Settings
    for word in words[:-1]:
        key = _key(word, kind, data)
        if key is None:
            break
        kind, data = shape.child(kind, key, data), shape.inside(data, key)
    return shape.keys(kind, data)


def _value(text: str, kind: Any) -> Any:
    """Return what a variable's text stands for: a list or table as TOML, a list by commas, else the text."""
    if shape.is_list(kind) or get_origin(shape.bare(kind)) is dict:
        if text.lstrip().startswith(("[", "{")):
            try:
                return tomllib.loads(f"value = {text}")["value"]
            except tomllib.TOMLDecodeError:
                return text
        if shape.is_list(kind):
            return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _put(data: dict[str, Any], path: Path, value: Any) -> bool:
    """Set `value` at `path`, making tables on the way; return false if something else stands in the way."""
    place: Any = data
    for key, following in zip(path, [*path[1:], None], strict=True):
        new: Any = value if following is None else [] if isinstance(following, int) else {}
        if isinstance(key, int):
            if key >= len(place):
                key = len(place)
                place.append(new)
        elif following is None:
            place[key] = new
        else:
            place.setdefault(key, new)
        if following is None:
            place[key] = value
        elif type(place[key]) is not type(new):
            return False
        place = place[key]
    return True
