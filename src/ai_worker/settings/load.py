"""Reading the settings: one TOML file, the environment over it, every problem named at once."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from ai_worker.settings import lines
from ai_worker.settings.guess import remedy
from ai_worker.settings.overlay import Overlaid, overlay
from ai_worker.settings.places import find
from ai_worker.settings.problems import Problem, SettingsRefused
from ai_worker.settings.references import resolver
from ai_worker.settings.tree import Settings
from ai_worker.settings.wrong import named

OWN_CHANNELS = ("api",)
"""Names that the product's own doors use as channels; no configured channel may have them."""


NO_COLLEAGUES = ("web", "wecom-kf")
"""Kinds of channels on which nobody can be on duty: whoever comes there has no name that could be relied on."""


def load(path: Path | None = None, *, environ: Mapping[str, str]) -> Settings:
    """Read the settings.

    Args:
        path: The file to read. `None`: the one that `AI_WORKER_CONFIG` names, else
            `/etc/ai-worker/config.toml`, else `./ai-worker.toml`, else the defaults alone.
        environ: The environment: overlay, bare names and `env:` references.

    Raises:
        SettingsRefused: Something in the file or the environment cannot be used. All problems are
            in it, each with its place and remedy, and never a value.
    """
    file = find(path, environ)
    return load_text(read(file) if file else "", file=file, environ=environ)


def load_text(text: str, *, file: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read settings whose file has this text, or is about to have it.

    Args:
        text: The whole file.
        file: Where it stands; relative paths and problems refer to it. `None` if there is none.
        environ: As for `load`.

    Raises:
        SettingsRefused: As for `load`.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsRefused([_not_toml(error, file, text)]) from None
    overlaid = overlay(data, environ)
    folder = file.parent if file else Path()
    context = {"resolve": resolver(folder, environ), "folder": folder, "file": file}
    problems = list(overlaid.problems)
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(overlaid.data, context=context)
    except ValidationError as error:
        problems += [named(wrong, overlaid.data) for wrong in error.errors(include_url=False, include_input=False)]
    else:
        problems += _contradictions(settings)
    if problems or settings is None:
        places = lines.lines_of(text)
        placed = [_placed(problem, file, places, overlaid) for problem in problems]
        raise SettingsRefused(sorted(placed, key=lambda problem: (problem.line or 0, problem.where)))
    return settings


def read(file: Path) -> str:
    """Return the text of a settings file.

    Raises:
        SettingsRefused: It cannot be read.
    """
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        raise SettingsRefused([Problem("file_missing", file=file)]) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SettingsRefused([Problem("file_unreadable", file=file, facts={"reason": reason})]) from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SettingsRefused([Problem("not_utf8", file=file, line=line)]) from None


def _not_toml(error: tomllib.TOMLDecodeError, file: Path | None, text: str) -> Problem:
    reason, _, place = str(error).rpartition(" (at ")
    line = re.match(r"line (\d+)", place)
    last = text.rstrip().count("\n") + 1
    return Problem("not_toml", file=file, line=int(line[1]) if line else last, facts={"reason": reason})


def _contradictions(settings: Settings) -> Iterator[Problem]:
    """Yield what each part allows and the whole does not."""
    if not settings.workers:
        yield Problem("no_worker", ("workers",))
    for name in settings.channels:
        if name in OWN_CHANNELS:
            yield Problem("reserved_name", ("channels", name))
    yield from _roster(settings)
    for worker, told in settings.workers.items():
        for name in told.channels:
            if name not in ("*", *OWN_CHANNELS, *settings.channels):
                facts = {"name": name, **remedy(name, settings.channels)}
                yield Problem("unknown_channel", ("workers", worker, "channels"), facts=facts)


def _roster(settings: Settings) -> Iterator[Problem]:
    """Yield colleagues who cannot be written to, or are on the roster twice."""
    known: set[tuple[str, str]] = set()
    names: set[str] = set()
    for place, person in enumerate(settings.handoff.people):
        path = ("handoff", "people", place)
        channel = settings.channels.get(person.channel)
        if channel is None:
            facts = {"name": person.channel, **remedy(person.channel, settings.channels)}
            yield Problem("unknown_channel", (*path, "channel"), facts=facts)
        elif channel.kind in NO_COLLEAGUES or channel.kind.endswith("-group"):
            yield Problem("no_colleagues", (*path, "channel"), facts={"kind": channel.kind})
        if (person.channel, person.contact) in known or person.name in names:
            yield Problem("twice_on_roster", path)
        known.add((person.channel, person.contact))
        names.add(person.name)


def _placed(problem: Problem, file: Path | None, places: dict[lines.Path, int], overlaid: Overlaid) -> Problem:
    """Return `problem` with the file and line, or the variable, that says what it complains about."""
    if problem.variable:
        return problem
    for end in range(len(problem.path), 0, -1):
        if variable := overlaid.variables.get(problem.path[:end]):
            return replace(problem, variable=variable)
    return replace(problem, file=file, line=lines.line_of(problem.path, places) if file else None)
