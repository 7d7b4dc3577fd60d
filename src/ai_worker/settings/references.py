"""Values that stand somewhere else: `env:NAME` and `file:PATH`."""

from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic_core import PydanticCustomError

LIMIT = 256 * 1024
"""Bytes of a file that a setting may refer to; a larger one is surely the wrong file."""


def resolver(folder: Path, environ: Mapping[str, str]) -> Callable[[str], str]:
    """Return a function that replaces a reference by what it refers to, and leaves literals alone.

    Args:
        folder: What a relative `file:PATH` is relative to: the settings file's folder.
        environ: Where `env:NAME` is looked up.
    """

    def resolve(value: str) -> str:
        kind, colon, rest = value.partition(":")
        if colon and kind == "env":
            return _from_environment(rest.strip(), environ)
        if colon and kind == "file":
            return _from_file(folder / rest.strip())
        return value

    return resolve


def _from_environment(name: str, environ: Mapping[str, str]) -> str:
    value = environ.get(name, "")
    if not value:
        raise PydanticCustomError("secret_variable", "the environment variable {name} is not set", {"name": name})
    return value


def _from_file(path: Path) -> str:
    facts = {"path": str(path)}
    try:
        with path.open("rb") as file:
            raw = file.read(LIMIT + 1)
    except OSError as error:
        facts["reason"] = error.strerror or type(error).__name__
        raise PydanticCustomError("secret_file", "{path}: {reason}", facts) from None
    if len(raw) > LIMIT:
        raise PydanticCustomError("secret_file_large", "{path} is too large", facts)
    try:
        text = raw.decode("utf-8-sig").strip("\r\n")
    except UnicodeDecodeError:
        raise PydanticCustomError("secret_file_text", "{path} is not UTF-8 text", facts) from None
    if not text.strip():
        raise PydanticCustomError("secret_file_empty", "{path} is empty", facts)
    return text
