"""Unpacking a contract of several files: nothing leaves its folder, and nothing grows beyond what a contract may be."""

import stat
import zipfile
import zlib
from io import BytesIO
from pathlib import Path, PurePosixPath

from ai_worker.connectors.openapi.files import ROOTS
from ai_worker.connectors.operation import ContractRefused, ContractTooLarge

MOST_FILES = 2_000
MOST_BYTES = 40 * 1024 * 1024
"""Of all files together, unpacked."""

KINDS = (".json", ".yaml", ".yml")
"""What a contract is written in; other files are passed over."""

_PIECE = 1 << 16


def unpacked(content: bytes, into: Path) -> Path:
    """Put the files of a ZIP file into a new folder, and return it; a ZIP file with one file gives that file.

    A folder that all of them lie in is taken off.

    Raises:
        ContractTooLarge: There are too many files, or too many bytes.
        ContractRefused: It is broken, encrypted, leads out of its folder, or holds no contract.
    """
    try:
        with zipfile.ZipFile(BytesIO(content)) as packed:
            found = _files(packed)
            left = MOST_BYTES
            for name, info in found.items():
                place = into / name
                place.parent.mkdir(parents=True, exist_ok=True)
                left = _unpack(packed, info, place, left)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, OSError) as error:
        raise ContractRefused(f"ZIP: {error}") from None  # RuntimeError: it is encrypted
    if len(found) == 1:
        alone = into / next(iter(found))
        return alone.rename(alone.with_name(f"openapi{alone.suffix.lower()}"))
    if not any(name in ROOTS for name in found):
        raise ContractRefused(f"ZIP: no file is called {', '.join(ROOTS[:3])} …; give the first file such a name")
    return into


def _files(packed: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the files that may belong to a contract, by their names below the folder that all lie in."""
    infos = [one for one in packed.infolist() if not one.is_dir() and not stat.S_ISLNK(one.external_attr >> 16)]
    if len(infos) > MOST_FILES:
        raise ContractTooLarge(f"ZIP: more than {MOST_FILES:,} files")
    paths = {PurePosixPath(one.filename.replace("\\", "/")): one for one in infos}
    if away := next((path for path in paths if path.is_absolute() or ".." in path.parts), None):
        raise ContractRefused(f"ZIP: {str(away)[:100]!r} leads out of its folder")
    kept = {path: one for path, one in paths.items() if path.suffix.lower() in KINDS and not _hidden(path)}
    if not kept:
        raise ContractRefused("ZIP: no JSON or YAML file in it")
    tops = {path.parts[0] for path in kept}
    cut = 1 if len(tops) == 1 and all(len(path.parts) > 1 for path in kept) else 0
    return {"/".join(path.parts[cut:]): one for path, one in kept.items()}


def _hidden(path: PurePosixPath) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in path.parts)


def _unpack(packed: zipfile.ZipFile, info: zipfile.ZipInfo, place: Path, left: int) -> int:
    """Write one file; return how many bytes the others may have. What a ZIP file says of its sizes may be a lie."""
    with packed.open(info) as source, place.open("wb") as target:
        while piece := source.read(_PIECE):
            left -= len(piece)
            if left < 0:
                raise ContractTooLarge(f"ZIP: more than {MOST_BYTES // 1024 // 1024} MB unpacked")
            target.write(piece)
    return left
