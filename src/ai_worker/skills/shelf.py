"""The skills of an installation, as its folder has them now."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from ai_worker.skills.reading import EXAMPLES, FILE, OFF, read_skill
from ai_worker.skills.skill import NoSuchSkill, Skill, SkillNotSwitched, SkillRefused, chosen

log = structlog.get_logger(__name__)

MOST = 200
"""Folders that are looked at."""

Seen = tuple[tuple[str, int, int], ...]


class SkillShelf:
    """Reads the skills again when their files change. One that cannot be used is left out, and said to be."""

    def __init__(self, folder: Path) -> None:
        """Read the skills.

        Args:
            folder: Holds one folder for each; one that does not exist holds none.
        """
        self.folder = folder
        self._seen: Seen = ()
        self._skills: tuple[Skill, ...] = ()
        self._refused: Mapping[str, str] = {}
        self._look()

    @property
    def refused(self) -> Mapping[str, str]:
        """Why a skill is left out, by the name of its folder."""
        return self._refused

    @property
    def all(self) -> Sequence[Skill]:
        """All skills that can be used, by name."""
        return self._skills

    def of(self, names: Sequence[str]) -> Sequence[Skill]:
        """Return the skills with these names that are switched on; see `Skills`."""
        return chosen([skill for skill in self._skills if skill.enabled], names)

    def get(self, name: str) -> Skill:
        """Return one skill.

        Raises:
            NoSuchSkill: There is none.
            SkillRefused: It is there and cannot be used.
        """
        if name in self._refused:
            raise SkillRefused(self._refused[name])
        for skill in self._skills:
            if skill.name == name:
                return skill
        raise NoSuchSkill(f"{self.folder} holds no skill called {name!r}")

    def switch(self, name: str, *, on: bool) -> None:
        """Switch a skill on or off for all workers, durably; other processes see it at their next look.

        Raises:
            NoSuchSkill: There is none.
            SkillRefused: It is there and cannot be used.
            SkillNotSwitched: Its folder cannot be written.
        """
        self.get(name)
        mark = next(folder for folder in folders_in(self.folder) if folder.name == name) / OFF
        try:
            if on:
                mark.unlink(missing_ok=True)
            else:
                mark.touch()
        except OSError as error:
            raise SkillNotSwitched(f"{mark}: {error.strerror or type(error).__name__}") from None
        self._look()

    async def refresh(self) -> None:
        """Read them again if a file has changed since."""
        await asyncio.to_thread(self._look)

    def _look(self) -> None:
        folders = folders_in(self.folder)
        if (seen := _marks(folders)) == self._seen and seen:
            return
        skills, refused = [], {}
        for folder in folders:
            try:
                skills.append(read_skill(folder))
            except SkillRefused as error:
                refused[folder.name] = str(error)
                if self._refused.get(folder.name) != str(error):
                    log.warning("skills.refused", skill=folder.name, error=str(error))
        self._skills, self._refused, self._seen = tuple(skills), refused, seen


def folders_in(folder: Path) -> list[Path]:
    """Return the folders that hold a skill, or should; a folder with a `SKILL.md` of its own is one itself."""
    if (folder / FILE).is_file():
        return [folder.resolve()]
    if not folder.is_dir():
        return []
    found = sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))
    return found[:MOST]


def _marks(folders: Sequence[Path]) -> Seen:
    """Return what tells whether something has changed: the time and size of every file that is read."""
    marks = []
    for folder in folders:
        for name in (FILE, EXAMPLES, OFF):
            try:
                stat = (folder / name).stat()
            except OSError:
                marks.append((str(folder / name), 0, 0))
            else:
                marks.append((str(folder / name), stat.st_mtime_ns, stat.st_size))
    return tuple(marks)
