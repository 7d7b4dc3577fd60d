"""Read YAML into plain JSON values: no objects, no recursion, no growth without bounds.

PyYAML's own loaders follow YAML 1.1, where `no` is false and `12:30` a number, build dates that no JSON
has, recurse as deep as the document wants, and copy merged mappings without end. So only its event
parser (libyaml) is used, and the tree is built here by the core schema of YAML 1.2 (§10.3).
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml

MAX_NODES = 1_500_000
"""Events of one document; the largest real contract that we know has 900,000."""

MAX_DEPTH = 200
MAX_MERGED = 200_000
"""Entries that merge keys (`<<`) may copy in one document."""

_INTEGER = re.compile(r"[-+]?\d{1,300}")
_NUMBER = re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d{1,3})?")
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None} | dict.fromkeys(("true", "True", "TRUE"), True)
_WORDS |= dict.fromkeys(("false", "False", "FALSE"), False)


class BadYaml(ValueError):
    """The text is no YAML that can be used; the words say why."""


def parse(text: str) -> Any:
    """Return the first document in `text`, as JSON has it. An alias is the same object as its anchor.

    Raises:
        BadYaml: It is not YAML, too deep, too large, or refers to what is not there.
    """
    try:
        return _Tree().build(_events(text))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise BadYaml(f"not YAML: {getattr(error, 'problem', None) or 'it cannot be read'}{where}") from None
    except RecursionError:
        raise BadYaml("not YAML: it is too deep") from None


def _events(text: str) -> Iterator[yaml.Event]:
    loader = yaml.CLoader(text)
    try:
        count = 0
        while loader.check_event():
            count += 1
            if count > MAX_NODES:
                raise BadYaml(f"more than {MAX_NODES:,} values")
            event = loader.get_event()
            if event is None:
                return
            yield event
            if isinstance(event, yaml.DocumentEndEvent):
                return
    finally:
        loader.dispose()


class _Tree:
    """The values that are being built, from the outermost to the innermost."""

    def __init__(self) -> None:
        self._open: list[Any] = []
        self._keys: list[Any] = []
        self._merges: list[list[Any]] = []
        """Of each open mapping, what is to be merged into it once it is whole."""

        self._anchors: dict[str, Any] = {}
        self._merged = 0
        self._root: Any = None

    def build(self, events: Iterator[yaml.Event]) -> Any:
        for event in events:
            match event:
                case yaml.ScalarEvent():
                    self._put(_scalar(event), event.anchor)
                case yaml.AliasEvent(anchor=anchor):
                    if anchor not in self._anchors:
                        raise BadYaml(f"not YAML: there is no anchor {str(anchor)[:40]!r}")
                    self._put(self._anchors[anchor], None)
                case yaml.MappingStartEvent(anchor=anchor):
                    self._begin({}, anchor)
                case yaml.SequenceStartEvent(anchor=anchor):
                    self._begin([], anchor)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self._end()
                case _:
                    pass
        return self._root

    def _begin(self, value: Any, anchor: str | None) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise BadYaml(f"deeper than {MAX_DEPTH} levels")
        self._put(value, anchor)
        self._open.append(value)
        self._keys.append(_NO_KEY)
        self._merges.append([])

    def _end(self) -> None:
        value, sources = self._open.pop(), self._merges.pop()
        self._keys.pop()
        for source in sources:
            self._merge(value, source)

    def _put(self, value: Any, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = value
        if not self._open:
            self._root = value
            return
        into = self._open[-1]
        if isinstance(into, list):
            into.append(value)
        elif self._keys[-1] is _NO_KEY:
            self._keys[-1] = _key(value)
        else:
            key, self._keys[-1] = self._keys[-1], _NO_KEY
            if key == "<<":
                self._merges[-1].append(value)
            else:
                into[key] = value

    def _merge(self, into: dict[str, Any], value: Any) -> None:
        for source in value if isinstance(value, list) else [value]:
            if isinstance(source, dict):
                self._merged += len(source) + 1
                if self._merged > MAX_MERGED:
                    raise BadYaml(f"merge keys copy more than {MAX_MERGED:,} entries")
                for key, entry in list(source.items()):
                    into.setdefault(key, entry)


_NO_KEY: Any = object()


def _key(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return str(value) if isinstance(value, str | int | float) else "?"


def _scalar(event: yaml.ScalarEvent) -> Any:
    text: str = event.value
    if not event.implicit[0]:  # quoted, or with a tag of its own: what it says is text
        return text
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text
