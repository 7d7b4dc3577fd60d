"""A folder whose files are kept in step."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from ai_worker.knowledge.ingest.found import Found, find_documents
from ai_worker.knowledge.ingest.refusals import DocumentRefused, NoSuchPath
from ai_worker.knowledge.sources import Fetched, OriginFailed, OriginGone


class FolderOrigin:
    """The documents in a folder. What nothing here reads is passed over."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found: dict[str, Found] = {}

    async def listed(self) -> Sequence[str]:
        """Return the ids of the documents in the folder; see `Origin`."""
        if not await asyncio.to_thread(self._folder.is_dir):
            raise OriginFailed(f"There is no folder {self._folder}, or it may not be read")
        found = await asyncio.to_thread(find_documents, [self._folder])
        self._found = {one.id: one for one in found if one.refused is None}
        return list(self._found)

    async def fetch(self, id: str, mark: str) -> Fetched:
        """Return a file, unless its size and its time are as they were; see `Origin`."""
        found = self._found[id]
        assert found.path is not None  # those without one were refused
        try:
            return await asyncio.to_thread(_fetch, found, found.path, mark)
        except FileNotFoundError as error:
            raise OriginGone(f"{id} is not there any more") from error
        except (OSError, DocumentRefused) as error:
            gone = isinstance(error, NoSuchPath) and not found.path.exists()
            raise (OriginGone if gone else OriginFailed)(str(error)) from error


def _fetch(found: Found, path: Path, mark: str) -> Fetched:
    status = path.stat()
    now = f"{status.st_mtime_ns}:{status.st_size}"
    return Fetched(None if now == mark else found.read(), now)
