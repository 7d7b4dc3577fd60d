"""Noticing that the settings file has changed while the service runs."""

from collections.abc import Mapping

from ai_worker.settings.load import load
from ai_worker.settings.problems import SettingsRefused
from ai_worker.settings.tree import Settings

Mark = tuple[int, int, int]

LIVE = frozenset({"channels", "handoff"})
"""The sections that take effect without a restart."""


class SettingsWatch:
    """Looks whether the file that settings came from says something else now."""

    def __init__(self, settings: Settings, *, environ: Mapping[str, str]) -> None:
        self._file = settings.file
        self._environ = environ
        self._mark = self._look()
        self.refused: SettingsRefused | None = None
        """Why what the file says now was not taken; `None` while it is good."""

    def changed(self) -> Settings | None:
        """Return the new settings if the file has changed and is good; bad ones change nothing.

        Blocks for as long as reading a small file takes.
        """
        mark = self._look()
        if mark == self._mark:
            return None
        self._mark = mark
        try:
            settings = load(self._file, environ=self._environ)
        except SettingsRefused as refused:
            self.refused = refused
            return None
        self.refused = None
        return settings

    def waits_for_restart(self, settings: Settings, running: Settings) -> list[str]:
        """Return the sections that differ and take effect only at the next start."""
        names = [name for name in type(settings).model_fields if name not in LIVE]
        return [name for name in names if getattr(settings, name) != getattr(running, name)]

    def _look(self) -> Mark | None:
        if self._file is None:
            return None
        try:
            stat = self._file.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino
