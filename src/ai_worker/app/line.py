"""The pipeline's parts of one process, put together: who answers, who delivers, who is called."""

from collections import ChainMap
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from ai_worker.channels.contract import Channel
from ai_worker.channels.roster import Roster
from ai_worker.conversation.desk_words import DeskWords
from ai_worker.conversation.duty import Duty
from ai_worker.conversation.phrases import language_of, phrases
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.events import EventBus
from ai_worker.foundation.ids import new_id
from ai_worker.keys.keyring import Keyring
from ai_worker.notify.webhook import CallbackSender
from ai_worker.pipeline.approving import ApprovalDesk
from ai_worker.pipeline.backlog import Backlog
from ai_worker.pipeline.board import Board
from ai_worker.pipeline.delivery import Delivery
from ai_worker.pipeline.desk import Desk, DeskTurns
from ai_worker.pipeline.directory import LookUp
from ai_worker.pipeline.drafts import Drafts
from ai_worker.pipeline.duty_caller import DutyCaller
from ai_worker.pipeline.fetching import Fetch
from ai_worker.pipeline.governor import Governor
from ai_worker.pipeline.inbox import Inbox
from ai_worker.pipeline.push import Pusher
from ai_worker.pipeline.runner import Runner, Turns
from ai_worker.pipeline.sending import Deliverer
from ai_worker.pipeline.store import Claim
from ai_worker.settings import Settings
from ai_worker.storage.opening import Stores

log = structlog.get_logger(__name__)

API_CHANNEL = "api"
"""The name under which messages of the API are kept; no configured channel may have it."""


@dataclass(frozen=True, slots=True)
class Line:
    """The pipeline's parts, and how busy they are."""

    owner: str
    runner: Runner
    delivery: Delivery
    backlog: Backlog
    caller: DutyCaller
    approvals: ApprovalDesk

    def concurrency(self) -> tuple[int, int, int]:
        """Return turns in progress, how many may be, and how many messages wait."""
        active = self.runner.active
        return active, self.runner.limit, max(0, self.backlog.unfinished - active)


def make_line(
    settings: Settings,
    stores: Stores,
    turns: Turns,
    inbox: Inbox,
    channels: Roster,
    callbacks: CallbackSender,
    *,
    duty: Duty,
    board: Board,
    events: EventBus,
    clock: Clock,
) -> Line:
    """Put the pipeline's parts together."""
    owner = new_id("run")
    staff = settings.staff()
    names = {worker.name for worker in staff.workers}

    def worker_of(claim: Claim) -> str:
        """Who was asked; the channel's own worker if that one is no longer on the staff."""
        asked = claim.message.worker
        return asked if asked in names else staff.of_channel(claim.message.channel).name

    def pushes(claim: Claim) -> bool:
        """Whether a reply has to be carried out; contacts of web chat and most API callers fetch theirs."""
        channel = channels.get(claim.message.channel)
        return bool(claim.message.address.get("callback_url")) if channel is None else not channel.pull

    words = DeskWords(phrases(settings.language))
    windows = {name: timedelta(milliseconds=told.merge_window_ms) for name, told in settings.workers.items()}

    def window_of(claim: Claim) -> timedelta:
        """How long to wait for more of a burst; a caller of the API says all that it has to say at once.

        What a colleague on duty writes is an order, or one message to a contact.
        """
        message = claim.message
        alone = message.channel == API_CHANNEL or duty.colleague(message.channel, message.contact.id) is not None
        return timedelta(0) if alone else windows[worker_of(claim)]

    def apology(text: str) -> str:
        language = language_of(text, history=(), default=settings.language)
        return phrases(language).say("late", text=text)

    def uncarried(text: str, names: Sequence[str]) -> str:
        language = language_of(text, history=(), default=settings.language)
        return f"{text}\n\n{phrases(language).say('uncarried', names='、'.join(names))}".strip()

    pusher = Pusher(stores.pipeline, deliverers=channels, clock=clock, wake=lambda: delivery.wake())
    approvals = ApprovalDesk(stores.approvals, duty=duty, pusher=pusher, accept=inbox.accept, words=words, clock=clock)
    desk = Desk(
        duty=duty,
        handoffs=stores.handoffs,
        conversations=stores.conversations,
        pusher=pusher,
        words=words,
        board=board,
        events=events,
        clock=clock,
        wake=lambda: delivery.wake(),
        approvals=approvals,
    )
    of_channels: Any = channels  # a ChainMap wants to be able to write; nobody does
    deliverers: Mapping[str, Deliverer] = ChainMap({API_CHANNEL: callbacks}, of_channels)
    delivery = Delivery(
        stores.pipeline,
        deliverers=deliverers,
        governor=Governor(stores.channels),
        events=events,
        clock=clock,
        owner=owner,
        apology=apology,
        files=stores.files,
        uncarried=uncarried,
    )
    runner = Runner(
        stores.pipeline,
        turns=DeskTurns(turns, desk),
        worker_of=worker_of,
        pushes=pushes,
        delivery=delivery,
        board=board,
        drafts=Drafts(channels.growing()),
        events=events,
        clock=clock,
        owner=owner,
        max_concurrent=settings.max_concurrent,
        crowded=lambda: inbox.crowded,
        window_of=window_of,
    )
    caller = DutyCaller(
        duty=duty,
        handoffs=stores.handoffs,
        conversations=stores.conversations,
        pusher=pusher,
        words=words,
        clock=clock,
    )
    return Line(owner, runner, delivery, Backlog(events), caller, approvals)


def look_up_of(channels: Mapping[str, Channel], name: str) -> LookUp | None:
    """Return how a channel's platform is asked who somebody is; `None` where nobody could say."""
    channel = channels.get(name)
    return None if channel is None or type(channel).look_up is Channel.look_up else channel.look_up


def fetch_of(channels: Mapping[str, Channel], name: str) -> Fetch | None:
    """Return how a channel's files are fetched; `None` for one that is not configured."""
    channel = channels.get(name)
    return None if channel is None else channel.fetch


@asynccontextmanager
async def open_callbacks(
    settings: Settings, stores: Stores, keyring: Keyring, clock: Clock
) -> AsyncIterator[CallbackSender]:
    """Open what carries the API's replies to their callback addresses."""
    sender = CallbackSender(
        hosts=settings.api.callback_hosts,
        secret_of=keyring.callback_secret,
        turn=stores.conversations.turn,
        clock=clock,
    )
    await sender.start()
    try:
        yield sender
    finally:
        await sender.stop()


def nobody() -> None:
    """Wake nobody: who is to be woken is in another process, and hears of it through the store."""
