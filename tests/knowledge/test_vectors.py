"""Vectors on disk: found again after a restart, gone when their passage is, and never in anybody's way.

The endpoint is the scripted one, over a real socket; the store is the real one.
"""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from ai_worker.foundation.clock import FixedClock, SystemClock
from ai_worker.knowledge.confidence import ANSWER_AT, CLARIFY_AT
from ai_worker.knowledge.embedding import REST_S, VectorKeeper
from ai_worker.knowledge.fusion import RAISED_TO, fuse
from ai_worker.knowledge.index import key_of
from ai_worker.knowledge.library import Library
from ai_worker.knowledge.passage import Passage, Scored
from ai_worker.knowledge.vectors import EXACT, VectorsBusy, VectorShelf, digest
from ai_worker.llm.embeddings import Embeddings, EmbeddingsSettings
from ai_worker.llm.scripted import ScriptedModel
from ai_worker.storage.opening import Stores, open_stores

MEANS = {"猫": [1.0, 0.0, 0.1], "狗": [0.0, 1.0, 0.1], "鱼": [0.1, 0.0, 1.0]}
SAME = {"喵星人": "猫", "汪星人": "狗", "小猫": "猫", "小狗": "狗", "金鱼": "鱼"}


def means(text: str) -> list[float]:
    """Return a vector by what a text is about."""
    return next((MEANS[what] for word, what in (SAME | {w: w for w in MEANS}).items() if word in text), [0.3, 0.3, 0.3])


class Site:
    """A store, an endpoint, and what keeps the vectors of the one by the other."""

    def __init__(self, stores: Stores, server: ScriptedModel, folder: Path) -> None:
        self.stores, self.server, self.folder, self.clock = stores, server, folder, FixedClock()
        self.embeddings = self.client("bge-m3")
        self.keeper = self.keeps(self.embeddings)
        self.library = Library(stores.knowledge, clock=self.clock, index_folder=folder / "index", nearness=self.keeper)

    def client(self, name: str, **more: object) -> Embeddings:
        settings = EmbeddingsSettings.model_validate({"base_url": self.server.base_url, "name": name, **more})
        return Embeddings(settings, clock=SystemClock())

    def keeps(self, embeddings: Embeddings) -> VectorKeeper:
        return VectorKeeper(self.stores.knowledge, embeddings, folder=self.folder / "vectors", clock=self.clock)

    async def add(self, *names: str) -> None:
        entries = [{"id": name, "question": f"{name}吃什么", "answer": f"{name}每天喂两次。"} for name in names]
        await self.library.put_entries(entries, base="pets")


@asynccontextmanager
async def opened(folder: Path, server: ScriptedModel) -> AsyncIterator[Site]:
    async with open_stores("sqlite:///ai-worker.db", data_dir=folder, clock=SystemClock()) as stores:
        site = Site(stores, server, folder)
        await site.library.refresh()
        await site.embeddings.start()
        try:
            yield site
        finally:
            site.keeper.close()
            await site.embeddings.close()


async def test_what_is_worded_otherwise_is_found_by_meaning_and_never_answers_alone(tmp_path: Path) -> None:
    async with ScriptedModel(embeds=means) as server, opened(tmp_path, server) as site:
        await site.add("小猫", "小狗", "金鱼")
        assert await site.keeper.refresh()
        vector = await site.embeddings.of("喵星人")
        by_words = site.library.search("喵星人", limit=3)
        both = site.library.search("喵星人", limit=3, vector=vector)

    assert not by_words
    assert both[0].passage.id == "小猫"
    assert all(scored.score <= CLARIFY_AT for scored in both)


async def test_what_is_embedded_once_is_not_embedded_again_after_a_restart(tmp_path: Path) -> None:
    async with ScriptedModel(embeds=means) as server:
        async with opened(tmp_path, server) as site:
            await site.add("小猫", "小狗")
            await site.keeper.refresh()
        first = server.calls
        async with opened(tmp_path, server) as site:
            assert await site.keeper.refresh()
            assert site.keeper.progress == (2, 2)
            again = server.calls
            await site.add("金鱼")
            await site.keeper.refresh()

    assert (first, again) == (1, 1)
    assert [text.partition("吃")[0] for text in server.embedded] == ["小猫", "小狗", "金鱼"]


async def test_a_passage_that_is_gone_leaves_no_vector_on_disk(tmp_path: Path) -> None:
    async with ScriptedModel(embeds=means) as server, opened(tmp_path, server) as site:
        await site.add("小猫")
        await site.keeper.refresh()
        await site.stores.knowledge.remove_document("pets", "entries")
        await site.keeper.refresh()
        assert site.keeper.progress == (0, 0)

    (vectors,) = (tmp_path / "vectors").glob("*/vectors")
    assert not any(vectors.read_bytes())


@pytest.mark.parametrize("fault", ["500", "html", "dead"])
async def test_an_endpoint_that_fails_leaves_words_alone_and_is_asked_again_later(tmp_path: Path, fault: str) -> None:
    async with ScriptedModel(embeds=means) as server, opened(tmp_path, server) as site:
        server.misbehave = fault  # type: ignore[assignment]
        await site.add("小猫")
        assert not await site.keeper.refresh()
        assert site.keeper.failing
        assert await site.embeddings.of("小猫吃什么") is None
        asked = server.calls
        assert not await site.keeper.refresh(), "it is left alone for a while"
        assert server.calls == asked
        assert site.library.search("小猫吃什么")[0].passage.id == "小猫"

        server.misbehave = None
        site.clock.advance(timedelta(seconds=REST_S + 1))
        assert await site.keeper.refresh()
        assert (site.keeper.failing, site.keeper.progress) == ("", (1, 1))


async def test_half_the_vectors_take_no_part_and_the_rest_is_made_up_for(tmp_path: Path) -> None:
    async with ScriptedModel(embeds=means) as server, opened(tmp_path, server) as site:
        await site.add(*(f"小猫{n}号" for n in range(40)))
        site.embeddings.batch = 8

        def until_dead(text: str) -> list[float]:
            if len(server.embedded) > 16:
                server.misbehave = "500"
            return means(text)

        server._embeds = until_dead
        assert not await site.keeper.refresh()
        assert 0 < site.keeper.progress[0] < 40
        assert site.keeper.nearest([1.0, 0.0, 0.1], bases=["*"], limit=3) == []
        server.misbehave, server._embeds = None, means
        site.clock.advance(timedelta(seconds=REST_S + 1))
        assert await site.keeper.refresh()

        assert len(set(server.embedded)) == 40
        assert len(site.keeper.nearest([1.0, 0.0, 0.1], bases=["*"], limit=3)) == 3


async def test_a_text_that_the_endpoint_does_not_take_does_not_stop_the_others(tmp_path: Path) -> None:
    def picky(text: str) -> list[float]:
        if "金鱼" in text:
            raise web.HTTPBadRequest
        return means(text)

    async with ScriptedModel(embeds=picky) as server, opened(tmp_path, server) as site:
        await site.add("小猫", "金鱼", "小狗")
        assert await site.keeper.refresh()
        assert site.keeper.progress == (2, 3)
        assert site.embeddings.healthy


async def test_another_model_gets_vectors_of_its_own_and_the_old_ones_go_when_they_are_complete(tmp_path: Path) -> None:
    async with ScriptedModel(embeds=means) as server, opened(tmp_path, server) as site:
        await site.add("小猫", "小狗")
        await site.keeper.refresh()
        site.keeper.close()
        other = site.client("bge-large")
        await other.start()
        keeper = site.keeps(other)
        server.misbehave = "500"
        assert not await keeper.refresh()
        assert len(list((tmp_path / "vectors").iterdir())) == 2
        server.misbehave = None
        site.clock.advance(timedelta(seconds=REST_S + 1))
        assert await keeper.refresh()
        assert len(list((tmp_path / "vectors").iterdir())) == 1
        keeper.close()
        await other.close()


async def test_a_question_waits_no_longer_than_it_may_and_a_dead_endpoint_costs_nothing(tmp_path: Path) -> None:
    async with ScriptedModel(embeds=means) as server, opened(tmp_path, server) as site:
        server.misbehave = "stalled"
        slow = site.client("bge-m3", question_timeout_ms=50)
        await slow.start()
        for _ in range(4):
            assert await slow.of("小猫") is None
        assert not slow.healthy
        assert server.calls <= 3, "after three failures it is left alone"
        await slow.close()


def test_one_process_keeps_a_shelf_at_a_time(tmp_path: Path) -> None:
    shelf = VectorShelf(tmp_path, model="m")
    with pytest.raises(VectorsBusy):
        VectorShelf(tmp_path, model="m")
    shelf.close()
    VectorShelf(tmp_path, model="m").close()


def test_vectors_of_another_width_or_of_nothing_are_refused(tmp_path: Path) -> None:
    shelf = VectorShelf(tmp_path, model="m")
    assert shelf.put("b\x1f1", 1, [1.0, 2.0])
    assert not shelf.put("b\x1f2", 2, [1.0, 2.0, 3.0])
    assert not shelf.put("b\x1f3", 3, [0.0, 0.0])
    assert not shelf.put("b\x1f4", 4, [float("nan"), 1.0])
    assert shelf.nearest([1.0], bases=["*"], limit=3) == []
    shelf.close()


def test_a_large_shelf_finds_what_a_small_one_would(tmp_path: Path) -> None:
    chance = random.Random(5)
    shelf = VectorShelf(tmp_path, model="m")
    rows = EXACT + 500
    vectors = [[chance.gauss(0, 1) for _ in range(64)] for _ in range(rows)]
    for number, vector in enumerate(vectors):
        assert shelf.put(key_of("b", str(number)), digest("m", str(number)), vector)
    shelf.drop(key_of("b", "7"))
    for number in (7, 99, EXACT + 100):
        wanted = [value + chance.gauss(0, 0.3) for value in vectors[number]]
        found = [key for key, _ in shelf.nearest(wanted, bases=["b"], limit=5)]
        assert (found[0] == key_of("b", str(number))) == (number != 7)
    assert shelf.nearest(vectors[99], bases=["other"], limit=5) == []
    shelf.close()


def passage(name: str) -> Passage:
    return Passage(name, "b", "d", "entry", name, name)


def test_meaning_raises_what_words_left_unsure_and_touches_nothing_that_is_sure() -> None:
    found = [Scored(passage("a"), 0.9), Scored(passage("b"), 0.4), Scored(passage("c"), 0.39)]
    nearest = [("b\x1fc", 0.8), ("b\x1fd", 0.7)]
    fused = fuse(
        found,
        nearest,
        key_of=lambda one: key_of(one.base, one.id),
        fetch=lambda keys: {key: passage(key.partition("\x1f")[2]) for key in keys},
        limit=4,
    )

    assert [scored.passage.id for scored in fused] == ["a", "c", "b", "d"]
    scores = {scored.passage.id: scored.score for scored in fused}
    assert (scores["a"], scores["b"]) == (0.9, 0.4)
    assert 0.39 < scores["c"] <= RAISED_TO < ANSWER_AT
    assert scores["d"] <= CLARIFY_AT
