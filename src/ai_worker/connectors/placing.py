"""Files and folders put in their places: a file as a whole, and with the rights of what was there."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ai_worker.foundation import durable
from ai_worker.foundation.errors import Misconfigured


class NotWritable(Misconfigured):
    """The connectors folder cannot be written."""

    code = "connector.not_writable"
    hint = "Give the user that runs this command the right to write the folder."


@contextmanager
def writing(root: Path) -> Iterator[None]:
    """Write in a folder.

    Raises:
        NotWritable: The system does not let us.
    """
    try:
        yield
    except OSError as error:
        raise NotWritable(f"{root}: {error.strerror or type(error).__name__}") from None


def copy(source: Path, place: Path) -> None:
    """Copy a file, or a folder with all that is in it, to a place where nothing is."""
    if source.is_dir():
        shutil.copytree(source, place)
    else:
        shutil.copyfile(source, place)


def put(fresh: Path, place: Path) -> None:
    """Put a file in another's place, with its rights; whoever reads meanwhile sees one of both."""
    mode = place.stat().st_mode & 0o7777 if place.exists() else 0o644
    fresh.chmod(mode)
    hand_over(fresh, place.parent)
    durable.flush(fresh)
    durable.replace(fresh, place)


def hand_over(path: Path, like: Path) -> None:
    """Let whoever owns the folder own what is new in it: root may set up what another user runs."""
    if os.geteuid() != 0:
        return
    owner = like.stat()
    for one in (path, *path.rglob("*")):
        with contextlib.suppress(OSError):
            os.chown(one, owner.st_uid, owner.st_gid)
