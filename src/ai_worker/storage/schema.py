"""Numbered SQL files, and the databases that are refused because of their schema."""

from importlib.resources import files

from ai_worker.foundation.errors import Misconfigured


class ForeignDatabase(Misconfigured):
    """The file is a SQLite database, but of another program."""

    code = "storage.foreign"
    hint = "Set [storage] url to a database of ai-worker's own."


class SchemaTooNew(Misconfigured):
    """A newer ai-worker has written this database; this one would damage what it does not know."""

    code = "storage.schema_too_new"
    hint = "Install the newer ai-worker again, or restore a backup from before the upgrade."


def scripts(package: str) -> list[tuple[int, str]]:
    """Return version and SQL of every migration in the folder `migrations` of a package, in order."""
    folder = files(package).joinpath("migrations")
    found = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return sorted((int(entry.name.split("_", 1)[0]), entry.read_text("utf-8")) for entry in found)


def too_new(version: int, latest: int) -> SchemaTooNew:
    """Return the refusal of a schema that this program does not know."""
    return SchemaTooNew(
        f"The database has schema {version}, written by a newer ai-worker; this one knows schemas up to {latest}."
    )
