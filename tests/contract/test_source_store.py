"""What every store of sources promises."""

from datetime import timedelta

from ai_worker.knowledge.sources import Missed, RunReport, Seen, SourceState
from tests.contract.material import Stores


async def test_how_a_source_stands_comes_back_and_can_be_hurried(stores: Stores) -> None:
    now = stores.clock.now()
    report = RunReport(3, 1, 1, 1, (Missed("坏.pdf", "knowledge.document_unreadable", "读不了"),), "", "")
    await stores.sources.put(SourceState("wiki", now, now + timedelta(hours=1), RunReport(code="x", error="连不上")))
    await stores.sources.put(SourceState("wiki", now, now + timedelta(hours=2), report))

    await stores.sources.hurry("wiki", now)
    await stores.sources.hurry("没有", now)

    assert await stores.sources.sources() == {"wiki": SourceState("wiki", now, now, report)}


async def test_what_documents_looked_like_is_remembered_for_each_source(stores: Stores) -> None:
    await stores.sources.remember("wiki", {"a.md": Seen("1"), "b.md": Seen("2")})
    await stores.sources.remember("disk", {"a.md": Seen("9")})
    await stores.sources.remember("wiki", {"a.md": Seen("1", stores.clock.now()), "b.md": None, "c.md": None})

    assert await stores.sources.seen("wiki") == {"a.md": Seen("1", stores.clock.now())}
    assert await stores.sources.seen("disk") == {"a.md": Seen("9")}
