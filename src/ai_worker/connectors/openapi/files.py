"""Compile a contract that lies on the disk: one file, a packed one, or a folder with several."""

import zlib
from pathlib import Path

from ai_worker.connectors.openapi.compile import Progress, compile_contract
from ai_worker.connectors.openapi.load import MAX_BYTES
from ai_worker.connectors.operation import Contract, ContractRefused, ContractTooLarge

ROOTS = tuple(
    f"{name}{suffix}"
    for name in ("openapi", "swagger", "index", "root", "api")
    for suffix in (".yaml", ".yml", ".json", ".yaml.gz", ".json.gz")
)
"""What the first file of a contract of several files is called, the likeliest first."""


def compile_file(path: Path, *, progress: Progress | None = None) -> Contract:
    """Compile the contract at `path`. In a folder, its first file is compiled and may refer to the others.

    Raises:
        ContractTooLarge: It has more than 20 MB, packed or not.
        ContractRefused: It cannot be read, or is no contract.
    """
    if path.is_dir():
        root = next((path / name for name in ROOTS if (path / name).is_file()), None)
        if root is None:
            raise ContractRefused(f"{path}: no file in it is called openapi.yaml, openapi.json, swagger.json …")
        return compile_contract(_bytes(root), name=root.name, folder=path, progress=progress)
    return compile_contract(_bytes(path), name=path.name, progress=progress)


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ContractTooLarge(f"{path.name}: larger than {MAX_BYTES // 1024 // 1024} MB")
        data = path.read_bytes()
    except OSError as error:
        raise ContractRefused(f"{path}: {error.strerror}") from None
    if data[:2] != b"\x1f\x8b":
        return data
    unpacking = zlib.decompressobj(wbits=31)
    try:
        # One byte more than is allowed, so that what is larger is seen to be so without being unpacked.
        return unpacking.decompress(data, MAX_BYTES + 1)
    except zlib.error:
        raise ContractRefused(f"{path.name}: packed with gzip, and broken") from None
