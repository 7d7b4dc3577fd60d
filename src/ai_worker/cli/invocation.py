"""What every command is told: which settings, which language, and how much to say of a failure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ai_worker.settings import Settings

LANGUAGES = ("zh-CN", "en")
SEPARATOR = "\x1f"


def both(chinese: str, english: str) -> str:
    """Return a help text in both languages; `program` shows the reader's one."""
    return f"{chinese}{SEPARATOR}{english}"


Json = Annotated[bool, typer.Option("--json", help=both("只把 JSON 写到标准输出", "Write JSON alone to stdout"))]


@dataclass(slots=True)
class Invocation:
    """One call of the command line."""

    environ: Mapping[str, str]
    config: Path | None = None
    chosen: str | None = None
    """The language that `--lang` asks for."""

    debug: bool = False
    _settings: "Settings | None" = field(default=None, init=False)

    @classmethod
    def of(cls, context: typer.Context) -> "Invocation":
        """Return the invocation that `program` put into a command's context."""
        invocation = context.obj
        assert isinstance(invocation, cls)
        return invocation

    def settings(self) -> "Settings":
        """Return the settings, read at the first call.

        Raises:
            SettingsRefused: They cannot be used.
        """
        if self._settings is None:
            from ai_worker.settings import load

            self._settings = load(self.config, environ=self.environ)
        return self._settings

    @property
    def language(self) -> str:
        """The reader's language: `--lang`, else `LANG`, else the settings', else Chinese."""
        if self.chosen:
            return self.chosen
        spoken = language_of(self.environ)
        return spoken or (self._settings.language if self._settings else LANGUAGES[0])

    def say(self, chinese: str, english: str) -> str:
        """Return the words in the reader's language."""
        return chinese if self.language == "zh-CN" else english


def language_of(environ: Mapping[str, str]) -> str | None:
    """Return the language that the terminal speaks; `None` when it does not say (`C`, `POSIX`)."""
    locale = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    if locale.startswith("zh"):
        return "zh-CN"
    return "en" if locale.startswith("en") else None
