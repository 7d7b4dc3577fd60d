"""The overload drill: more at once than can be taken at once. It is turned away early, and never lost."""

import asyncio
import random
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import psutil

from ai_worker.api.server import lift_open_files
from ai_worker.drills.model_process import model_process
from ai_worker.drills.scratch import open_model
from ai_worker.drills.site import Site
from ai_worker.drills.volley import Answer, Volley, post
from ai_worker.drills.ways import numbers, question
from ai_worker.foundation.clock import Clock, SystemClock

MODEL_S = 2.0
LATE_S = 2.0
"""A platform gives up after 3 to 5 seconds; what is not acknowledged within this has to be a 503."""

CONNECTIONS = 5_000
"""Connections of the drill: well below what one door takes, so that it is the requests that are too many."""

SPARE_FILES = 200
PATIENCE_S = 60.0
LOOKS = 50
MEBI = 1 << 20


@dataclass(frozen=True, slots=True)
class OverloadReport:
    """What the drill found."""

    conversations: int
    accepted: int
    """Messages that were acknowledged in the end."""

    replied: int
    lost: int
    refused: int
    """Times that the door said 503 with `Retry-After`: come again."""

    late: int
    """Acknowledgements that took longer than two seconds. They should have been refusals."""

    wrong: int
    """Answers that are neither: another status, a 503 without `Retry-After`, a connection that broke."""

    slowest_s: float
    """Of the acknowledgements."""

    rss_peak_mb: int
    """Resident memory of the service, in MiB."""

    seconds: float
    """From the volley to the last reply."""

    @property
    def passed(self) -> bool:
        """Whether everything was accepted and answered, and nothing was late or wrong."""
        return not (self.lost or self.late or self.wrong) and self.accepted == self.conversations

    def as_json(self) -> dict[str, Any]:
        """Return the report for programs."""
        return asdict(self) | {"slowest_s": round(self.slowest_s, 2), "seconds": round(self.seconds, 1)}


class OverloadDrill:
    """One run of the drill, in a folder of its own.

    Args:
        conversations: How many conversations say something at the same moment.
        storage_url: A scratch database; empty means a SQLite file in the scratch folder.
        report: Hears how many messages are accepted and how many answered, now and then.
    """

    def __init__(
        self,
        *,
        conversations: int,
        storage_url: str = "",
        report: Callable[[int, int], None] = lambda accepted, replied: None,
        clock: Clock | None = None,
    ) -> None:
        self._conversations = conversations
        self._storage_url = storage_url
        self._report = report
        self._clock = clock or SystemClock()
        self._turns: dict[int, str] = {}
        self._replied = 0
        self._refused = self._late = self._wrong = 0
        self._slowest_s = 0.0
        self._peak = 0

    async def run(self) -> OverloadReport:
        """Run the drill.

        Raises:
            SiteFailed: The scratch installation did not start.
        """
        files = lift_open_files()
        async with model_process(delay_s=MODEL_S) as base_url:
            with tempfile.TemporaryDirectory(prefix="ai-worker-drill-") as folder:
                settings = f"max_concurrent = {self._conversations}\n" + open_model(base_url)
                async with Site(Path(folder), settings, storage_url=self._storage_url) as site:
                    await site.start()
                    watching = asyncio.create_task(self._watch(site.process.pid))
                    began = self._clock.monotonic()
                    await self._fire(site, connections=min(self._conversations, CONNECTIONS, files - SPARE_FILES))
                    await self._settle(site)
                    seconds = self._clock.monotonic() - began
                    replied = await self._replies(site)
                    watching.cancel()
                    await site.stop()
        return OverloadReport(
            conversations=self._conversations,
            accepted=len(self._turns),
            replied=replied,
            lost=len(self._turns) - replied,
            refused=self._refused,
            late=self._late,
            wrong=self._wrong,
            slowest_s=self._slowest_s,
            rss_peak_mb=self._peak // MEBI,
            seconds=seconds,
        )

    async def _fire(self, site: Site, *, connections: int) -> None:
        """Let everybody speak at once, and come again as they are told to."""
        headers = [("Host", "drill"), ("Authorization", f"Bearer {site.key}"), ("Content-Type", "application/json")]
        async with Volley(site.url, connections, clock=self._clock) as volley:
            speaking = [
                asyncio.create_task(self._speak(volley, number, _request(number, headers)))
                for number in range(self._conversations)
            ]
            _, unheard = await asyncio.wait(speaking, timeout=PATIENCE_S)
            for task in unheard:
                task.cancel()
            await asyncio.gather(*speaking, return_exceptions=True)

    async def _speak(self, volley: Volley, number: int, request: bytes) -> None:
        while True:
            answer = await volley.ask(request)
            if answer.status == 202:
                self._late += answer.seconds > LATE_S
                self._slowest_s = max(self._slowest_s, answer.seconds)
                self._turns[number] = msgspec.json.decode(answer.body)["turn_id"]
                return
            await asyncio.sleep(self._pause(answer))

    def _pause(self, answer: Answer) -> float:
        """Count a refusal; return after how many seconds to come again."""
        if answer.status == 503 and answer.retry_after is not None:
            self._refused += 1
            return answer.retry_after * random.uniform(1.0, 2.0)  # noqa: S311  (spreads load, guards nothing)
        self._wrong += 1
        return 1.0

    async def _watch(self, pid: int) -> None:
        process = psutil.Process(pid)
        while True:
            self._peak = max(self._peak, process.memory_info().rss)
            self._report(len(self._turns), self._replied)
            await asyncio.sleep(0.1)

    async def _settle(self, site: Site) -> None:
        """Wait until the service has counted a turn for every message, or no more for a long time."""
        moved_at = self._clock.monotonic()
        while self._clock.monotonic() - moved_at < PATIENCE_S:
            turns = await _turns_counted(site)
            if turns > self._replied:
                self._replied, moved_at = turns, self._clock.monotonic()
            if turns >= len(self._turns):
                return
            await asyncio.sleep(0.25)

    async def _replies(self, site: Site) -> int:
        """Ask for every single reply; return how many there are."""
        slots = asyncio.Semaphore(LOOKS)

        async def replied(number: int, turn_id: str) -> bool:
            async with slots:
                status, turn = await site.get(f"/api/v1/turns/{turn_id}")
            return status == 200 and number in numbers(turn.get("text") or "")

        return sum(await asyncio.gather(*(replied(*turn) for turn in self._turns.items())))


def _request(number: int, headers: list[tuple[str, str]]) -> bytes:
    body = {
        "message_id": f"m{number}",
        "conversation_id": f"k{number}",
        "contact": f"crm{number}",
        "text": question(number),
    }
    return post("/api/v1/messages", headers, msgspec.json.encode(body))


async def _turns_counted(site: Site) -> int:
    try:
        async with site.client.get("/metrics") as answer:
            text = await answer.text()
    except aiohttp.ClientError:
        return 0
    return sum(int(float(line.split()[-1])) for line in text.splitlines() if line.startswith("ai_worker_turns_total"))
