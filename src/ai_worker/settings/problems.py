"""What is wrong with the settings, said with file, line and remedy, in the reader's language."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ai_worker.foundation.errors import Misconfigured
from ai_worker.settings.words import WORDS


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that has to be mended. It never holds a value: one of them could be a secret."""

    kind: str
    """What sort of mistake it is: a key of `words.WORDS`."""

    path: tuple[str | int, ...] = ()
    """Where in the tree: `("channels", "service-desk", "secret")`; empty when the whole file is meant."""

    file: Path | None = None
    """The settings file; `None` when no file says it."""

    line: int | None = None
    """The line in `file`, from 1; `None` when no line says it (a key is missing altogether)."""

    variable: str | None = None
    """The environment variable that says it, if one does."""

    facts: Mapping[str, object] = field(default_factory=dict)
    """What the words are filled with: `expected`, `path`, `name` …"""

    @property
    def key(self) -> str:
        """The dotted key: `channels.service-desk.secret`, `model.fallbacks[0].name`."""
        return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path).removeprefix(".")

    @property
    def where(self) -> str:
        """The place to mend: `/etc/ai-worker/config.toml:12`, a variable's name, or nothing."""
        if self.variable:
            return self.variable
        if self.file is None:
            return ""
        return f"{self.file}:{self.line}" if self.line else str(self.file)

    def say(self, language: str = "en") -> str:
        """Return one line: where, which key, what is wrong, what to do.

        Args:
            language: `zh-CN` or `en`.
        """
        chinese = language.startswith("zh")
        wrong, remedy = WORDS.get(self.kind, WORDS["other"])["zh-CN" if chinese else "en"]
        facts = {"key": self.key, "leaf": self.path[-1] if self.path else "", **self.facts}
        words = (wrong + remedy if chinese else f"{wrong} {remedy}").format_map(_Facts(facts)).strip()
        place = "：" if chinese else ": "
        return place.join(part for part in (self.where, self.key, words) if part)


class _Facts(dict[str, object]):
    """Facts for a sentence; one that is not known leaves no hole that raises."""

    def __missing__(self, name: str) -> str:
        return "…"


class SettingsRefused(Misconfigured):
    """The settings cannot be used as they are; every problem is named at once, with its place."""

    code = "settings.refused"
    hint = "docs/en/reference/settings.md"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.say("en"))

    def say(self, language: str) -> str:
        """Return all problems, one a line, in `zh-CN` or `en`."""
        return "\n".join(problem.say(language) for problem in self.problems)
