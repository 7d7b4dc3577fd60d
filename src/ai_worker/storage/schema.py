"""Numbered SQL files, which of them older software can live with, and the databases that are refused.

How to write a migration, for both kinds of database alike:

- A new file `NNNN_what_for.sql` in the folder `migrations` of the package, with the next number. It runs
  in one transaction together with its number; a file that has been released is never changed.
- A line `-- oldest: N` says which software may still work on the schema that the file leads to: that
  which knows the schema N and nothing later. Without it, only software that knows this very schema may.
- A file that only adds repeats the number of the file before it. Only adding means: software that has
  never heard of it can go on reading, writing *and deleting*. A new column is nullable or has a default;
  a new table holds no reference that keeps an old row from being deleted, unless it is ON DELETE CASCADE;
  no new constraint forbids what used to be written; no new column has a name by which that software means
  another table's where it joins the two; nothing is renamed, removed or given another meaning.
- Whatever cannot be done so takes two versions. The first one adds, and writes both the old way and the new
  one; the next one removes, in a file whose `oldest` is the number of the first.

So the nodes of an installation are upgraded one after the other, and going back by one version needs no
restoring; see `docs/decisions/0007-one-version-back-can-still-read.md`.
"""

import re
from dataclasses import dataclass
from importlib.resources import files

import structlog

from ai_worker.foundation.errors import Misconfigured

log = structlog.get_logger(__name__)

_OLDEST = re.compile(r"^-- oldest: (\d+)$", re.MULTILINE)


class ForeignDatabase(Misconfigured):
    """The file is a SQLite database, but of another program."""

    code = "storage.foreign"
    hint = "Set [storage] url to a database of ai-worker's own."


class SchemaTooNew(Misconfigured):
    """A newer ai-worker has written this database; this one would damage what it does not know."""

    code = "storage.schema_too_new"
    hint = "Install the newer ai-worker again, or restore a backup from before the upgrade."


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    number: int
    oldest: int
    """Software that knows this schema, and nothing later, may still work on the result."""

    script: str


def migrations(package: str) -> list[Migration]:
    """Return every migration in the folder `migrations` of a package, in order."""
    folder = files(package).joinpath("migrations")
    found = sorted((entry.name, entry.read_text("utf-8")) for entry in folder.iterdir() if entry.name.endswith(".sql"))
    made, oldest = list[Migration](), 0
    for name, script in found:
        number = int(name.split("_", 1)[0])
        said = _OLDEST.search(script)
        oldest = max(oldest, int(said[1]) if said else number)  # what was broken once stays so
        made.append(Migration(number, oldest, script))
    return made


def admit(version: int, oldest: int | None, latest: int) -> None:
    """Make sure that this program may work on a database.

    Args:
        version: The database's schema.
        oldest: The schema that a program has to know to work on it; `None` if the database does not say.
        latest: The latest schema that this program knows.

    Raises:
        SchemaTooNew: It may not.
    """
    if version <= latest:
        return
    if oldest is None or oldest > latest:
        wanted = version if oldest is None else oldest
        raise SchemaTooNew(
            f"The database has schema {version}, written by a newer ai-worker; "
            f"working on it takes one that knows schema {wanted}, and this one knows schemas up to {latest}."
        )
    log.info("storage.schema_newer", schema=version, known=latest)
