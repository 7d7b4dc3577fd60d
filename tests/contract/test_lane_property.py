"""Whatever happens in between, a conversation's messages are finished once each, in the order they came.

Except what was held: that is finished after newer ones, in its own order, and told that it is.
"""

import asyncio
import tempfile
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_worker.pipeline.store import Claim, LeaseLost
from tests.contract.conftest import KINDS
from tests.contract.material import ME, OTHER, Stores, answered

ACTS = st.lists(
    st.tuples(
        st.sampled_from(["accept", "again", "claim", "finish", "late", "retry", "hold", "sleep", "recover"]),
        st.integers(min_value=0, max_value=3),
    ),
    max_size=60,
)


class Play:
    """Plays acts against the store and writes down what was accepted and what was finished."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self.accepted: defaultdict[str, list[str]] = defaultdict(list)
        self.finished: defaultdict[str, list[str]] = defaultdict(list)
        self.owed: set[str] = set()
        self.owned: list[Claim] = []
        self.count = 0

    async def act(self, name: str, number: int) -> None:
        who = f"contact-{number}"
        match name:
            case "accept":
                self.count += 1
                self.accepted[who] += await self.stores.accept(f"第 {self.count} 句", who=who)
            case "again" if self.accepted[who]:
                record = await self.stores.conversations.turn(self.accepted[who][0])
                assert record is not None
                again = self.stores.message(record.question, id=f"{who}/{record.question}", who=who)
                assert (await self.stores.pipeline.accept(again)).duplicate
            case "claim":
                self.owned += await self.stores.claim(owner=(ME, OTHER)[number % 2], limit=number + 1)
            case "sleep":
                self.stores.clock.advance(timedelta(seconds=7))
            case "recover":
                await self.stores.pipeline.recover(owner=f"runner-{self.count}-{number}")
            case "finish" | "late" | "retry" | "hold" if self.owned:
                await self.work(name, self.owned.pop(number % len(self.owned)))

    async def work(self, name: str, claim: Claim) -> None:
        later = self.stores.clock.now() + timedelta(seconds=3)
        try:
            match name:
                case "retry":
                    await self.stores.pipeline.retry(claim, error="失败", until=later)
                case "hold":
                    await self.stores.pipeline.hold(claim, None, until=later)
                    self.owed.add(claim.turn_id)
                case _:
                    if name == "late":
                        self.stores.clock.advance(timedelta(seconds=16))
                    await self.stores.finish(claim, answered(), self.stores.outbound(claim, "好"))
                    self.ended(claim)
        except LeaseLost:
            return

    def ended(self, claim: Claim) -> None:
        who = claim.message.contact.id
        asked, answered_before = self.accepted[who], self.finished[who]
        place = asked.index(claim.turn_id)
        assert claim.owed is (claim.turn_id in self.owed)
        assert claim.overtaken is any(asked.index(turn) > place for turn in answered_before)
        assert bool(claim.behind) is any(turn not in answered_before for turn in asked[:place])
        self.finished[who].append(claim.turn_id)

    async def end(self) -> None:
        """Finish everything that is left."""
        self.stores.clock.advance(timedelta(hours=1))
        while claims := await self.stores.claim(limit=100):
            for claim in claims:
                await self.work("finish", claim)


async def _play(kind: str, acts: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with KINDS[kind](Path(folder)) as stores:
            play = Play(stores)
            for name, number in acts:
                await play.act(name, number)
            await play.end()
            for who, asked in play.accepted.items():
                done = play.finished[who]
                assert sorted(done) == sorted(asked), "each once"
                for some in (play.owed, set(asked) - play.owed):
                    assert [turn for turn in done if turn in some] == [turn for turn in asked if turn in some]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(acts=ACTS)
def test_every_message_is_finished_once_and_in_order(kind: str, acts: list[tuple[str, int]]) -> None:
    asyncio.run(_play(kind, acts))
