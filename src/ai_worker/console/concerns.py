"""What deserves somebody's attention now, worst first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from markupsafe import Markup

from ai_worker.channels.contract import ChannelHealth
from ai_worker.console.charts import bar
from ai_worker.console.conditions import condition
from ai_worker.console.figures import (
    RESPONSE_TARGET_MS,
    SUCCESS_TARGET,
    Concurrency,
    percent,
    success_share,
)
from ai_worker.console.letters import contact_name, what_happened
from ai_worker.console.words import Words
from ai_worker.conversation.conversation import Conversation
from ai_worker.knowledge.gaps import Gap
from ai_worker.ops.host import CPU_LIMIT, DISK_LIMIT, MEMORY_LIMIT, WINDOW_S, HostSample
from ai_worker.ops.stats import ServiceStats
from ai_worker.pipeline.deadletter import DeadLetter

NEAR = 5.0
"""Percent below its limit from which on a resource is shown as close to it."""

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Concern:
    """Something that is not as it should be."""

    level: Level
    title: str
    detail: str


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of the machine, with the limit that it should stay below."""

    key: str
    label: str
    percent: float
    limit: float
    note: str
    settled: bool = True
    """Whether it was looked at for long enough to be judged."""

    @property
    def level(self) -> Literal["ok", "near", "over"]:
        """Where it stands."""
        if not self.settled:
            return "ok"
        if self.percent >= self.limit:
            return "over"
        return "near" if self.percent >= self.limit - NEAR else "ok"

    @property
    def drawing(self) -> Markup:
        """The bar with the limit's tick."""
        return bar(self.percent, self.limit)


@dataclass(frozen=True, slots=True)
class Task:
    """Something that waits for a person."""

    key: str
    title: str
    detail: str
    link: str = ""
    verb: str = ""
    """What the link's button says."""

    command: str = ""
    """The command that deals with it, where the console has no page for that yet."""


def resources(t: Words, sample: HostSample) -> list[Resource]:
    """Return processor, memory and disk."""
    gigabytes = "overview.of_gigabytes"
    return [
        Resource(
            "cpu",
            "CPU",
            sample.cpu_percent,
            CPU_LIMIT,
            t("overview.cpu_note", cores=sample.cores, load=f"{sample.load:.2f}"),
            settled=sample.cpu_window_s >= WINDOW_S,
        ),
        Resource(
            "memory",
            t("overview.memory"),
            sample.memory_percent,
            MEMORY_LIMIT,
            t(gigabytes, used=t.size(sample.memory_used), total=t.size(sample.memory_total)),
        ),
        Resource(
            "disk",
            t("overview.disk"),
            sample.disk_percent,
            DISK_LIMIT,
            t(gigabytes, used=t.size(sample.disk_used), total=t.size(sample.disk_total)),
        ),
    ]


def concerns(
    t: Words,
    *,
    stats: ServiceStats,
    concurrency: Concurrency,
    health: Mapping[str, ChannelHealth],
    machine: Sequence[Resource],
) -> list[Concern]:
    """Return everything that is not as it should be, errors first."""
    found = [*_channel_concerns(t, health), *_service_concerns(t, stats, concurrency)]
    found += [
        Concern(
            "warning",
            t("concern.resource", name=resource.label, percent=round(resource.percent)),
            t(f"concern.{resource.level}", limit=round(resource.limit)) + t(f"concern.resource_{resource.key}"),
        )
        for resource in machine
        if resource.level != "ok"
    ]
    return sorted(found, key=lambda concern: concern.level != "error")


def _channel_concerns(t: Words, health: Mapping[str, ChannelHealth]) -> list[Concern]:
    found = []
    for name, state in health.items():
        detail = condition(t, state.last_error or state.detail) or t("concern.no_detail")
        if state.state == "down":
            found.append(Concern("error", t("concern.channel_down", name=name), detail))
        elif state.state == "degraded":
            found.append(Concern("warning", t("concern.channel_degraded", name=name), detail))
    return found


def _service_concerns(t: Words, stats: ServiceStats, concurrency: Concurrency) -> list[Concern]:
    found = []
    share = success_share(stats)
    if share is not None and share < SUCCESS_TARGET:
        found.append(
            Concern(
                "warning",
                t("concern.success", percent=percent(t, share, 2)),
                t("concern.success_detail", failed=t.number(stats.failed)),
            )
        )
    if stats.mean_response_ms is not None and stats.mean_response_ms > RESPONSE_TARGET_MS:
        found.append(
            Concern("warning", t("concern.slow", seconds=t.seconds(stats.mean_response_ms)), t("concern.slow_detail"))
        )
    if concurrency.limit is not None and concurrency.full:
        found.append(
            Concern(
                "warning",
                t("concern.full", active=t.number(concurrency.active), limit=t.number(concurrency.limit)),
                t("concern.full_detail", waiting=t.number(concurrency.waiting)),
            )
        )
    return found


def tasks(
    t: Words,
    *,
    waiting: Sequence[Conversation],
    count: int,
    letters: int,
    newest_letter: DeadLetter | None,
    gaps: Sequence[Gap],
    now: datetime,
) -> list[Task]:
    """Return what waits for a person.

    Args:
        t: The reader's words.
        waiting: Conversations that wait, in their order; the first is where the link leads.
        count: How many wait in all.
        letters: How many dead letters there are.
        newest_letter: The newest of them.
        gaps: Unanswered questions, most frequent first.
        now: The current time.
    """
    found = []
    if waiting:
        since = min((one.waiting_since for one in waiting if one.waiting_since), default=None)
        detail = t("task.waiting_longest", span=t.duration(now - since)) if since else ""
        link = f"/conversations/{waiting[0].id}?state=waiting"
        found.append(Task("waiting", t("task.waiting", n=t.number(count)), detail, link, t("task.waiting_verb")))
    if newest_letter is not None:
        detail = t("task.letters_newest", name=contact_name(t, newest_letter), what=what_happened(t, newest_letter))
        title = t("task.letters", n=t.number(letters))
        found.append(Task("letters", title, detail, "/deadletters", t("task.letters_verb")))
    if gaps:
        asked = t("task.gaps_most", question=gaps[0].question, times=t.number(gaps[0].times))
        found.append(Task("gaps", t("task.gaps", n=t.number(len(gaps))), asked, link="/gaps", verb=t("gaps.answer")))
    return found
