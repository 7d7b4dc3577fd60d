"""Which documents a path stands for, under which ids, and what among them is refused unread."""

import os
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ai_worker.foundation.text import clean
from ai_worker.knowledge.ingest.child import SUPPORTED
from ai_worker.knowledge.ingest.refusals import (
    BadDocumentName,
    DocumentRefused,
    DocumentTooLarge,
    DuplicateDocument,
    LeavesFolder,
    NoSuchPath,
    UnsupportedType,
)

DOCUMENT_BYTES = 50_000_000
NAME_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Found:
    """One document, or why it will not be read."""

    id: str
    path: Path | None = None
    content: bytes | None = None
    refused: DocumentRefused | None = None

    def read(self) -> bytes:
        """Return the document's bytes.

        Raises:
            DocumentRefused: It is too large, is no regular file, or may not be read.
        """
        if self.refused is not None:
            raise self.refused
        if self.content is not None:
            return self.content
        assert self.path is not None  # one of the three is set
        return _read(self.path)


def find_documents(paths: Sequence[Path]) -> list[Found]:
    """Return the documents that files and folders stand for, by path. Reads folders, not files."""
    found: dict[str, Found] = {}
    refused: list[Found] = []
    for path in paths:
        for document in _under(path):
            if document.refused is None and document.id in found:
                clash = DuplicateDocument(f"{document.path} would be {document.id!r} as well, and was left out")
                refused.append(Found(document.id, refused=clash))
            elif document.refused is None:
                found[document.id] = document
            else:
                refused.append(document)
    return [*found.values(), *refused]


def uploaded(name: str, content: bytes) -> Found:
    """Return an uploaded document. Of its name only the last part counts, whatever system it is from.

    Raises:
        BadDocumentName: Nothing is left of the name, or it is too long.
    """
    last = _tidy(name.replace("\\", "/").rpartition("/")[2])
    if not last.strip(". ") or len(last) > NAME_CHARACTERS:
        raise BadDocumentName("An uploaded document needs a name of 1 to 200 characters, with its ending")
    if PurePosixPath(last).suffix.lower() not in SUPPORTED:
        return Found(last, refused=_unsupported(last))
    if len(content) > DOCUMENT_BYTES:
        return Found(last, refused=_too_large(len(content)))
    return Found(last, content=content)


def _under(path: Path) -> Iterator[Found]:
    try:
        root = path.resolve(strict=True)  # a link that was named is meant; links found inside are another matter
    except OSError as error:
        yield Found(_tidy(str(path)), refused=NoSuchPath(f"{path} cannot be read: {error.strerror}"))
        return
    if root.is_dir():
        yield from _walk(root, root)
    else:
        yield _judge(_tidy(path.name), root)


def _walk(folder: Path, root: Path) -> Iterator[Found]:
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        name = _tidy(folder.relative_to(root).as_posix())
        yield Found(name, refused=NoSuchPath(f"The folder cannot be read: {error.strerror}"))
        return
    for path in inside:
        name = _tidy(path.relative_to(root).as_posix())
        hidden = path.name.startswith((".", "~$"))
        if path.is_symlink():
            yield from _link(name, path, root, hidden=hidden)
        elif hidden:
            yield Found(name, refused=UnsupportedType("Hidden files and folders are left out"))
        elif path.is_dir():
            yield from _walk(path, root)
        else:
            yield _judge(name, path)


def _link(name: str, path: Path, root: Path, *, hidden: bool) -> Iterator[Found]:
    """Yield the file that a link inside a folder leads to, if it is in the folder too.

    Such files are what a mounted Kubernetes ConfigMap consists of. Linked folders are not entered:
    what they hold is found under its own name.
    """
    target = path.resolve()
    if not target.is_relative_to(root):
        yield Found(name, refused=LeavesFolder("The link points out of the folder"))
    elif hidden or target.is_dir():
        return
    else:
        yield _judge(name, target)


def _judge(name: str, path: Path) -> Found:
    if PurePosixPath(name).suffix.lower() not in SUPPORTED:
        return Found(name, refused=_unsupported(name))
    return Found(name, path)


def _unsupported(name: str) -> UnsupportedType:
    suffix = PurePosixPath(name).suffix
    return UnsupportedType(f"Unsupported type: {suffix or 'a name without an ending'}")


def _too_large(size: int) -> DocumentTooLarge:
    return DocumentTooLarge(f"It has {size / 1e6:.0f} MB; a document may have {DOCUMENT_BYTES // 1_000_000} MB")


def _read(path: Path) -> bytes:
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(opened, "rb") as file:
            status = os.fstat(opened)
            if not stat.S_ISREG(status.st_mode):
                raise UnsupportedType("Unsupported type: it is not a regular file")
            if status.st_size > DOCUMENT_BYTES:
                raise _too_large(status.st_size)
            content = file.read(DOCUMENT_BYTES + 1)
    except OSError as error:
        raise NoSuchPath(f"The file cannot be read: {error.strerror}") from error
    if len(content) > DOCUMENT_BYTES:
        raise _too_large(len(content))
    return content


def _tidy(name: str) -> str:
    """Return a file's name as an id: composed characters (macOS decomposes them), nothing unprintable."""
    return clean(unicodedata.normalize("NFC", name.replace("\n", " ")))
