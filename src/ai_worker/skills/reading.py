"""Reads skills from their folders: `SKILL.md`, and the examples beside it. Nothing in a folder is run."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ai_worker.skills.skill import Example, Skill, SkillRefused

FILE, EXAMPLES = "SKILL.md", "examples.toml"
OFF = ".off"
"""An empty file beside the `SKILL.md` of a skill that is switched off: no worker has it."""

NAME_CHARACTERS, DESCRIPTION_CHARACTERS, COMPATIBILITY_CHARACTERS = 64, 1_024, 500
"""The format's own limits."""

FILE_BYTES = 256 * 1024
MOST_UNREAD = 50
MOST_EXAMPLES = 200

FIELDS = frozenset({"name", "description", "license", "compatibility", "allowed-tools", "metadata"})
DECISIONS = ("", "answer", "clarify", "handoff")

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_FENCE = re.compile(r"---[ \t]*")


def read_skill(folder: Path) -> Skill:
    """Return the skill in a folder.

    Raises:
        SkillRefused: It cannot be used; the words name the file and the reason.
    """
    file = folder / FILE
    front, body = _parts(file)
    name = _name(file, front, folder.name)
    description = _text(file, front, "description", DESCRIPTION_CHARACTERS, needed=True)
    metadata = _metadata(file, front)
    return Skill(
        name=name,
        description=" ".join(description.split()),
        body=body,
        allowed_tools=_tools(file, front),
        title=metadata.get("title", "") or name,
        license=_text(file, front, "license", DESCRIPTION_CHARACTERS),
        compatibility=_text(file, front, "compatibility", COMPATIBILITY_CHARACTERS),
        metadata=metadata,
        examples=_examples(folder / EXAMPLES),
        unread=_unread(folder),
        enabled=not (folder / OFF).exists(),
    )


def unknown_fields(folder: Path) -> list[str]:
    """Return the fields of a skill's front matter that the format does not have."""
    front, _ = _parts(folder / FILE)
    return sorted(str(field) for field in front.keys() - FIELDS)


def _parts(file: Path) -> tuple[Mapping[str, Any], str]:
    """Return a file's front matter and its body."""
    lines = _read(file).splitlines()
    if not lines or not _FENCE.fullmatch(lines[0]):
        raise SkillRefused(f"{file}: there is no front matter; the first line must be `---`")
    end = next((number for number, line in enumerate(lines[1:], 1) if _FENCE.fullmatch(line)), None)
    if end is None:
        raise SkillRefused(f"{file}: the front matter does not end; a second line `---` is needed")
    try:
        front = yaml.safe_load("\n".join(lines[1:end]))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 2}" if mark else ""
        raise SkillRefused(f"{file}{where}: the front matter is no YAML; quote values with `: ` in them") from None
    if not isinstance(front, dict):
        raise SkillRefused(f"{file}: the front matter must be fields with values: `name: refund`")
    return front, "\n".join(lines[end + 1 :]).strip()


def _read(file: Path) -> str:
    try:
        content = file.read_bytes()
        if len(content) > FILE_BYTES:
            raise SkillRefused(f"{file}: {len(content):,} bytes; at most {FILE_BYTES:,} are read")
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        raise SkillRefused(f"{file}: there is no such file") from None
    except OSError as error:
        raise SkillRefused(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SkillRefused(f"{file}: it is not UTF-8") from None


def _name(file: Path, front: Mapping[str, Any], folder: str) -> str:
    name = _text(file, front, "name", NAME_CHARACTERS, needed=True)
    if not _NAME.fullmatch(name):
        raise SkillRefused(f"{file}: name: {name!r} is not lower case letters, digits and single hyphens")
    if name != folder:
        raise SkillRefused(f"{file}: name: {name!r}, and the folder is called {folder!r}; they must be the same")
    return name


def _text(file: Path, front: Mapping[str, Any], field: str, most: int, *, needed: bool = False) -> str:
    value = front.get(field)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or (needed and not value.strip()):
        said = "it is missing" if value is None or value == "" else "it must be text"
        raise SkillRefused(f"{file}: {field}: {said}")
    if len(value.strip()) > most:
        raise SkillRefused(f"{file}: {field}: {len(value.strip()):,} characters; at most {most:,} are allowed")
    return value.strip()


def _tools(file: Path, front: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the patterns of `allowed-tools`: words with spaces between them, or a list."""
    value = front.get("allowed-tools")
    if value is None:
        return ()
    if isinstance(value, str):
        return tuple(value.replace(",", " ").split())
    if isinstance(value, list) and all(isinstance(one, str) and one.strip() for one in value):
        return tuple(one.strip() for one in value)
    raise SkillRefused(f"{file}: allowed-tools: it must be names with spaces between them")


def _metadata(file: Path, front: Mapping[str, Any]) -> Mapping[str, str]:
    value = front.get("metadata") or {}
    if not isinstance(value, dict) or any(isinstance(one, dict | list) for one in value.values()):
        raise SkillRefused(f"{file}: metadata: it must be names with one text each")
    return {str(name): str(one) for name, one in value.items()}


def _examples(file: Path) -> tuple[Example, ...]:
    if not file.exists():
        return ()
    try:
        given = tomllib.loads(_read(file))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SkillRefused(f"{file}: no TOML: {error}") from None
    rows = given.get("example", [])
    if given.keys() - {"example"} or not isinstance(rows, list) or len(rows) > MOST_EXAMPLES:
        raise SkillRefused(f"{file}: it holds `[[example]]` tables alone, at most {MOST_EXAMPLES}")
    return tuple(_example(f"{file}: example {number}", row) for number, row in enumerate(rows, 1))


def _example(where: str, row: Any) -> Example:
    known = {"question", "decision", "tools", "words", "never", "results"}
    if not isinstance(row, dict) or row.keys() - known:
        raise SkillRefused(f"{where}: its fields are {', '.join(sorted(known))}")
    question, decision, results = row.get("question"), row.get("decision", ""), row.get("results", {})
    if not isinstance(question, str) or not question.strip():
        raise SkillRefused(f"{where}: question: it is missing")
    if decision not in DECISIONS:
        raise SkillRefused(f"{where}: decision: it is one of {', '.join(DECISIONS[1:])}")
    if not isinstance(results, dict):
        raise SkillRefused(f"{where}: results: a table by tool")
    lists = {name: row.get(name, []) for name in ("tools", "words", "never")}
    for name, values in lists.items():
        if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
            raise SkillRefused(f"{where}: {name}: a list of texts")
    tools, words, never = (tuple(lists[name]) for name in ("tools", "words", "never"))
    return Example(question.strip(), decision, tools, words, never, results)


def _unread(folder: Path) -> tuple[str, ...]:
    """Return the files that are there for other software; how many are named is bounded."""
    found: list[str] = []
    for file in folder.rglob("*"):
        if file.is_file() and file.relative_to(folder).as_posix() not in (FILE, EXAMPLES, OFF):
            found.append(file.relative_to(folder).as_posix())
        if len(found) >= MOST_UNREAD:
            break
    return tuple(sorted(found))
