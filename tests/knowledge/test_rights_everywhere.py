"""What a department may not read is not told by any way of finding: not as a record, not by its meaning."""

from collections.abc import Sequence
from pathlib import Path

from ai_worker.foundation.clock import FixedClock
from ai_worker.knowledge.index import key_of
from ai_worker.knowledge.keeping import Keeping
from ai_worker.knowledge.library import Library
from ai_worker.knowledge.retrieve import EVERYTHING, Reader
from tests.knowledge.memory_store import MemoryKnowledgeStore

SALARIES = "岗位,月薪,年终奖\n值班工程师,18000 元,三个月\n前台,9000 元,两个月\n"
FOR_FINANCE = Keeping(departments=("总部/财务",))
FINANCE, SALES = Reader("总部/财务/核算"), Reader("总部/销售")


class Near:
    """Finds the salaries near in meaning to whatever is asked."""

    def nearest(self, vector: Sequence[float], *, bases: Sequence[str], limit: int) -> list[tuple[str, float]]:
        return [(key_of("default", "薪酬.csv#1"), 0.99), (key_of("default", "薪酬.csv#2"), 0.98)]


async def salaries(folder: Path, *, nearness: Near | None = None) -> Library:
    table = folder / "薪酬.csv"
    table.write_text(SALARIES, encoding="utf-8")
    library = Library(MemoryKnowledgeStore(), clock=FixedClock(), index_folder=folder / "index", nearness=nearness)
    await library.add([table], keeping=FOR_FINANCE)
    return library


async def test_records_are_told_to_those_alone_who_may_read_their_table(tmp_path: Path) -> None:
    library = await salaries(tmp_path)

    assert [len(table.records) for table in library.records(reader=FINANCE).tables] == [2]
    assert [len(table.records) for table in library.records(reader=EVERYTHING).tables] == [2]
    assert library.records(reader=SALES).tables == library.records().tables == ()


async def test_what_is_near_in_meaning_is_found_by_those_alone_who_may_read_it(tmp_path: Path) -> None:
    library = await salaries(tmp_path, nearness=Near())

    found = library.search("同事挣多少", vector=[1.0, 0.0], reader=FINANCE)
    assert {scored.passage.document_id for scored in found} == {"薪酬.csv"}
    assert library.search("同事挣多少", vector=[1.0, 0.0], reader=SALES) == []
    assert library.search("同事挣多少", vector=[1.0, 0.0]) == []
