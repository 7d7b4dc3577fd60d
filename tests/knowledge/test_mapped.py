"""Pages of the index do not stay in the process for ever, and nothing is lost with them."""

from pathlib import Path

import pytest

from ai_worker.knowledge.library import Library
from ai_worker.knowledge.mapped import SEARCHES, MappedFiles, mapped_bytes

pytestmark = pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="the system does not tell what is mapped")

ENTRIES: list[dict[str, object]] = [
    {"id": f"e{number}", "question": f"第 {number} 会议室怎么预约", "answer": f"请到前台登记第 {number} 会议室。"}
    for number in range(40)
]


def resident(folder: Path) -> int:
    """Return the kilobytes of a folder's files that are in this process's memory."""
    counted, inside = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        head = line.split(maxsplit=5)
        if "-" in head[0] and not head[0].endswith(":"):
            inside = len(head) > 5 and head[5].startswith(str(folder.resolve()))
        elif inside and head[0] == "Rss:":
            counted += int(head[1])
    return counted


async def test_pages_are_let_go_of_and_read_again(library: Library, tmp_path: Path) -> None:
    await library.put_entries(ENTRIES, base="default")
    before = library.search("第 7 会议室如何预约")
    assert resident(tmp_path) > 0

    mapped = MappedFiles(tmp_path, most_bytes=0)
    for _ in range(SEARCHES):
        mapped.searched()

    assert resident(tmp_path) == 0
    assert library.search("第 7 会议室如何预约") == before
    assert resident(tmp_path) > 0


async def test_few_pages_are_kept(library: Library, tmp_path: Path) -> None:
    await library.put_entries(ENTRIES, base="default")
    library.search("第 7 会议室如何预约")
    held = resident(tmp_path)

    mapped = MappedFiles(tmp_path, most_bytes=1 << 40)
    for _ in range(SEARCHES):
        mapped.searched()

    assert resident(tmp_path) == held
    assert (mapped_bytes() or 0) > 0
