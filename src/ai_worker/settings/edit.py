"""Changing one channel's section of the settings file; every comment and all the rest stays as it is."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from ai_worker.foundation import durable
from ai_worker.foundation.errors import Conflict, Misconfigured
from ai_worker.settings.load import read

SECRETS = "secrets"
"""Folder beside the settings file for secrets that were typed in."""

Value = str | int | float | bool | list[str]


class FileNotEditable(Misconfigured):
    """The settings file cannot be changed by a program; the section has to be written in by hand."""

    code = "settings.not_editable"
    hint = "Write the section into the settings file yourself, as it is printed above."


class FileChanged(Conflict):
    """Somebody else has changed the settings file in the meantime; nothing was written."""

    code = "settings.changed_meanwhile"
    hint = "Run the command again."


def with_channel(text: str, name: str, values: Mapping[str, Value]) -> str:
    """Return the settings file's text with these values in the section of channel `name`.

    Keys that the section has and `values` does not stay as they are.

    Raises:
        FileNotEditable: The file is written in a way in which the change would touch something else.
    """
    try:
        expected = _expected(text, name, values)
        if name in tomllib.loads(text).get("channels", {}):
            document: Any = tomlkit.parse(text)
            for key, value in values.items():
                document["channels"][name][key] = value
            changed = tomlkit.dumps(document)
        else:  # at the end, where it comes between nothing
            changed = "\n\n".join(part for part in (text.rstrip("\n"), section(name, values)) if part)
    except (TOMLKitError, KeyError, TypeError, ValueError, AttributeError):
        raise FileNotEditable(f"channels.{name} cannot be changed where it stands") from None
    if _tree(changed) != expected:
        raise FileNotEditable(f"writing channels.{name} would change something else in the file")
    return changed


def section(name: str, values: Mapping[str, Value]) -> str:
    """Return a channel's section as TOML, for people to copy."""
    document, channels, table = tomlkit.document(), tomlkit.table(is_super_table=True), tomlkit.table()
    for key, value in values.items():
        table[key] = value
    channels[name] = table
    document["channels"] = channels
    return tomlkit.dumps(document)


def replace(file: Path, text: str, *, former: str) -> None:
    """Write the settings file whole, or not at all, with the rights that it had.

    Args:
        file: The settings file; it is made if it is not there.
        text: What it is to say.
        former: What it said when the change was made; empty if it was not there.

    Raises:
        FileChanged: It says something else by now.
        FileNotEditable: It cannot be written there.
    """
    file = file.resolve()
    if (read(file) if file.exists() else "") != former:
        raise FileChanged(f"{file} was changed by somebody else")
    try:
        mode = file.stat().st_mode & 0o7777 if file.exists() else 0o600
        _write(file, text, mode)
    except OSError as error:
        raise FileNotEditable(f"{file}: {error.strerror or type(error).__name__}") from None


def keep_secret(file: Path, channel: str, field: str, secret: str) -> str:
    """Put a secret into a file of its own beside the settings, readable by its owner alone.

    Returns:
        The reference that the settings write in its place.

    Raises:
        FileNotEditable: It cannot be written there.
    """
    folder = file.resolve().parent / SECRETS
    place = folder / f"{channel}.{field}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        _write(place, secret + "\n", 0o600)
        _give(place, file.resolve())
        _give(folder, file.resolve())
    except OSError as error:
        raise FileNotEditable(f"{place}: {error.strerror or type(error).__name__}") from None
    return f"file:{SECRETS}/{place.name}"


def _give(path: Path, like: Path) -> None:
    """Let whoever owns the settings file read it too: root may set up what another user runs."""
    if like.exists() and os.geteuid() == 0:
        stat = like.stat()
        os.chown(path, stat.st_uid, stat.st_gid)


def _write(file: Path, text: str, mode: int) -> None:
    fresh = durable.draft(file, [text.encode()], mode=mode)
    try:
        _give(fresh, file)
    except OSError:
        fresh.unlink()
        raise
    durable.replace(fresh, file)


def _expected(text: str, name: str, values: Mapping[str, Value]) -> dict[str, Any]:
    """Return the tree that the change is to result in."""
    tree = tomllib.loads(text)
    tree.setdefault("channels", {}).setdefault(name, {}).update(values)
    return tree


def _tree(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise FileNotEditable("the changed file would not be TOML") from None
