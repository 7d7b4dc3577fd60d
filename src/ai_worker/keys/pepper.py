"""The pepper: 32 random bytes outside the database, without which the stored verifiers are useless."""

import secrets
from pathlib import Path

from ai_worker.foundation import durable
from ai_worker.foundation.errors import Misconfigured

LENGTH = 32
READ_ONLY = 0o400


class BadPepper(Misconfigured):
    """The pepper cannot be read, or is not what was once written."""

    code = "keys.bad_pepper"
    hint = "Restore secrets/pepper from the backup. Without it every API key has to be made anew."


def load_pepper(data_dir: Path) -> bytes:
    """Return the pepper of this installation, made at the first call and kept in `secrets/pepper`.

    Processes that start at the same moment agree on one.

    Raises:
        BadPepper: The file cannot be read or made, or has another length.
    """
    path = _path(data_dir)
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            durable.put_once(path, [secrets.token_bytes(LENGTH)], mode=READ_ONLY)
    except OSError as error:
        raise BadPepper(f"{path}: {error.strerror}") from None
    pepper = find_pepper(data_dir)
    assert pepper is not None
    return pepper


def find_pepper(data_dir: Path) -> bytes | None:
    """Return the pepper that lies in this data folder; `None` if there is none.

    Raises:
        BadPepper: The file cannot be read, or has another length.
    """
    path = _path(data_dir)
    try:
        pepper = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadPepper(f"{path}: {error.strerror}") from None
    if len(pepper) != LENGTH:
        raise BadPepper(f"{path} holds {len(pepper)} bytes instead of {LENGTH}")
    return pepper


def keep_pepper(data_dir: Path, pepper: bytes) -> bytes:
    """Keep a pepper that another node has handed over, in place of what may lie there; return it.

    Raises:
        BadPepper: The file cannot be made.
    """
    path = _path(data_dir)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        durable.put(path, [pepper], mode=READ_ONLY)
    except OSError as error:
        raise BadPepper(f"{path}: {error.strerror}") from None
    return pepper


def _path(data_dir: Path) -> Path:
    return data_dir / "secrets" / "pepper"
