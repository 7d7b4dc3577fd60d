"""Where the settings file is looked for."""

from collections.abc import Mapping
from pathlib import Path

SYSTEM_FILE = Path("/etc/ai-worker/config.toml")
LOCAL_FILE = Path("ai-worker.toml")
"""Read from the current folder when there is no `SYSTEM_FILE`."""

CONFIG_VARIABLE = "AI_WORKER_CONFIG"


def find(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    """Return the file to read, absolute; `None` when none is named and none is there.

    A file that is named, by `path` or by `AI_WORKER_CONFIG`, is returned whether or not it exists.
    """
    if path is None and environ.get(CONFIG_VARIABLE):
        path = Path(environ[CONFIG_VARIABLE])
    if path is not None:
        return path.expanduser().absolute()
    return next((place.absolute() for place in (SYSTEM_FILE, LOCAL_FILE) if place.exists()), None)
