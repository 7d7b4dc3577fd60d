"""The pepper: 32 random bytes outside the database, without which the stored verifiers are useless."""

import os
import secrets
from pathlib import Path

from ai_worker.foundation.errors import Misconfigured

LENGTH = 32


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
    path = data_dir / "secrets" / "pepper"
    try:
        if not path.exists():
            _make(path)
        pepper = path.read_bytes()
    except OSError as error:
        raise BadPepper(f"{path}: {error.strerror}") from None
    if len(pepper) != LENGTH:
        raise BadPepper(f"{path} holds {len(pepper)} bytes instead of {LENGTH}")
    return pepper


def _make(path: Path) -> None:
    """Write the whole file under another name, then give it its own unless somebody was faster."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"pepper.{secrets.token_hex(8)}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "wb") as file:
        file.write(secrets.token_bytes(LENGTH))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
        _flush(path.parent)


def _flush(folder: Path) -> None:
    """Make the folder's entries durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
