"""The two ways in: the messenger's encrypted callback, and the API with its retries."""

import asyncio
import random
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from itertools import cycle
from types import TracebackType
from typing import Protocol, Self

import aiohttp

from ai_worker.demo.wecom import Fault
from ai_worker.demo.wecom_api import Shown
from ai_worker.drills.ledger import Entry
from ai_worker.drills.receiver import CallbackReceiver
from ai_worker.drills.scratch import CHANNEL, WecomApplication
from ai_worker.drills.site import Site, SiteFailed
from ai_worker.llm.scripted import Asked

SLOW_SEND_S = 0.08
"""Up to so long passes between showing a reply and saying so: the moment in which a kill is worst."""

LOOKS = 20
"""Turns that are asked for at once."""

_TAG = re.compile(r"编号 (\d+)")


def question(number: int) -> str:
    """Return the text of message `number`."""
    return f"请登记，编号 {number}"


def echo(asked: Asked) -> str:
    """Answer as the scripted model does: with the number that was asked about."""
    found = _TAG.findall(asked.last)
    return f"收到，编号 {found[-1]}，已经登记。" if found else "收到。"


def numbers(text: str) -> list[int]:
    """Return the message numbers that a reply names."""
    return [int(number) for number in _TAG.findall(text)]


class Way(Protocol):
    """One way in, with the way back of its replies."""

    async def send(self, entry: Entry) -> bool:
        """Make one attempt; return whether it was acknowledged."""
        ...

    async def look(self, entries: Sequence[Entry]) -> Mapping[int, Sequence[float]]:
        """Return where the replies to these messages stood, as far as there are any."""
        ...


class WecomWay:
    """The simulated WeCom delivers; its members are the conversations."""

    def __init__(self, application: WecomApplication, *, slow_sends: int = 0) -> None:
        """Prepare the platform.

        Args:
            application: The company's credentials.
            slow_sends: So many of the first replies are acknowledged a moment after they were shown.
        """
        self.platform = application.platform()
        self._slow_sends = slow_sends
        self._urls = cycle([""])

    async def __aenter__(self) -> Self:
        await self.platform.__aenter__()
        self.platform.fail_next(*(Fault.slow(random.uniform(0, SLOW_SEND_S)) for _ in range(self._slow_sends)))  # noqa: S311  (spreads load, guards nothing)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.platform.__aexit__(kind, error, traceback)

    def call(self, *sites: Site) -> None:
        """Deliver to these sites from now on, in turn."""
        self._urls = cycle([f"{site.url}/channels/{CHANNEL}/callback" for site in sites])
        self.platform.callback_url = next(self._urls)

    async def send(self, entry: Entry) -> bool:
        """Let the member say it: up to three deliveries, as the platform makes them."""
        self.platform.callback_url = next(self._urls)
        said = await self.platform.say(
            _member(entry.conversation), question(entry.number), msg_id=str(7_000_000_000_000_000_000 + entry.number)
        )
        return said.acknowledged

    def shown_to(self, conversation: int) -> list[Shown]:
        """Return everything that one member was shown, notices included."""
        return self.platform.shown_to(_member(conversation))

    async def look(self, entries: Sequence[Entry]) -> Mapping[int, Sequence[float]]:
        """Return what the members were shown."""
        shown: defaultdict[int, list[float]] = defaultdict(list)
        for conversation in {entry.conversation for entry in entries}:
            for place, one in enumerate(self.shown_to(conversation)):
                for number in numbers(one.text):
                    shown[number].append(place)
        return shown


class ApiWay:
    """A program that posts messages; every other conversation asks to be called back, the rest fetch.

    Args:
        sites: Nodes of one installation, which are called in turn.
    """

    def __init__(self, *sites: Site) -> None:
        self._sites = cycle(sites)
        self._called: defaultdict[int, list[float]] = defaultdict(list)
        self._fetched: dict[int, list[float]] = {}
        self._heard = 0
        self._receiver = CallbackReceiver(self._hear, delay_s=SLOW_SEND_S)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._receiver)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def send(self, entry: Entry) -> bool:
        """Post it once; a connection that breaks and a 503 mean: not acknowledged, come again.

        Raises:
            SiteFailed: It was refused.
        """
        body = {
            "message_id": f"m{entry.number}",
            "conversation_id": f"k{entry.conversation}",
            "contact": f"crm{entry.conversation}",
            "text": question(entry.number),
            **({"callback_url": self._receiver.url} if _called_back(entry) else {}),
        }
        try:
            status, answer = await next(self._sites).post("/api/v1/messages", body)
        except (aiohttp.ClientError, TimeoutError):
            return False
        if status == 503:
            return False
        if status != 202:
            raise SiteFailed(f"a message was refused with {status}: {answer}")
        entry.turns.add(answer["turn_id"])
        return True

    async def look(self, entries: Sequence[Entry]) -> Mapping[int, Sequence[float]]:
        """Return the replies that were called back or can be fetched."""
        open_ = [entry for entry in entries if entry.turns and not _called_back(entry)]
        slots = asyncio.Semaphore(LOOKS)
        await asyncio.gather(*(self._fetch(entry, slots) for entry in open_ if entry.number not in self._fetched))
        return {**self._called, **self._fetched}

    def _hear(self, text: str) -> None:
        self._heard += 1
        for number in numbers(text):
            self._called[number].append(self._heard)

    async def _fetch(self, entry: Entry, slots: asyncio.Semaphore) -> None:
        """Ask how the message's turns stand; more than one is counted by the ledger."""
        async with slots:
            try:
                status, turn = await next(self._sites).get(f"/api/v1/turns/{min(entry.turns)}")
            except (aiohttp.ClientError, TimeoutError):
                return
        if status == 200 and turn["status"] == "done" and entry.number in numbers(turn.get("text") or ""):
            self._fetched[entry.number] = [datetime.fromisoformat(turn["finished_at"]).timestamp()]


def _member(conversation: int) -> str:
    return f"member{conversation}"


def _called_back(entry: Entry) -> bool:
    return entry.conversation % 2 == 0
