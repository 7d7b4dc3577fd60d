"""The port through which the pipeline keeps its promises. Every method is durable when it returns."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol

from ai_worker.conversation.conversation import State
from ai_worker.conversation.message import InboundMessage, Reply, Utterance
from ai_worker.conversation.progress import Progress
from ai_worker.conversation.turn import PendingQuestion, TurnResult
from ai_worker.foundation.errors import Busy, Conflict

OutboundKind = Literal["reply", "holding", "human", "proactive"]

FinalState = Literal["delivered", "sent", "unknown", "failed", "expired"]
"""How a send can end. `sent`: the platform took it and says no more. `unknown`: it may have."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Something that another process has made durable."""

    kind: Literal["work", "outbound", "turn"]
    """`work`: a conversation has something to do. `outbound`: something is to be sent. `turn`: a turn
    of `conversation_id` ended, was held or given up, or a person said something there."""

    conversation_id: int = 0
    """0 when it is not known."""

    turn_id: str = ""
    """Empty when it is not known."""


COUNTED_BY_CLAIM = 3
"""So many attempts at a message are counted as it is claimed, the later ones by `PipelineStore.count_attempt`."""

RETENTION = timedelta(days=90)
"""How long finished turns are kept, with their messages and replies, and conversations that are left.

Whatever a person still has to decide about stays: dead letters, undelivered replies, and everything in
a conversation that waits for a person or is a person's. A message id is recognised for as long as its
message is kept, so never for less than the seven days in which platforms may send it again.
"""


class StoreBusy(Busy):
    """The store could not make it durable in time; nothing was kept, so a retry is safe."""

    code = "store.busy"


class IdReused(Conflict):
    """This message id was used before with another body."""

    code = "message.id_reused"
    hint = "Use a new message_id (or Idempotency-Key) for a new message."

    def __init__(self, message: str, *, turn_id: str) -> None:
        super().__init__(message)
        self.turn_id = turn_id
        """The turn of the message that has the id."""


class LeaseLost(Conflict):
    """Another runner owns the conversation by now; nothing of this turn was kept."""

    code = "pipeline.lease_lost"


class AnswererChanged(Conflict):
    """A person took the conversation over, or handed it back, while the turn was at work; nothing was kept."""

    code = "pipeline.answerer_changed"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that is on disk."""

    turn_id: str
    conversation_id: int
    """0 while the message is in a queue before the store: only the store knows the conversation."""

    duplicate: bool
    """The same (channel, message id) had been accepted before; `turn_id` is that one's. False while
    the message is in a queue: only the store recognises it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One message whose conversation this runner owns until it finishes or the lease runs out."""

    seq: int
    turn_id: str
    message: InboundMessage
    conversation_id: int
    epoch: int
    """Raised with every claim; a write with an old epoch is refused."""

    attempt: int
    """1 for the first; counted on disk before the work begins."""

    held: bool
    state: State
    blocked: bool
    pending: PendingQuestion | None
    history: tuple[Utterance, ...]
    """The conversation's latest utterances, oldest first; the caller's own if it brought some."""

    progress: Progress | None = None
    """What `keep` was given for this message last; `None` if it never was."""

    next_at: datetime | None = None
    """When the message behind it was accepted, if the same contact wrote that; `None` if nobody or
    somebody else has said anything since, or a button was pressed."""

    burst: tuple[str, ...] = ()
    """What the contact had said just before, and is answered with it; see `pipeline.burst`."""

    owed: bool = False
    """`hold` was called for it: newer messages were taken before it since, as far as there were any.
    `history` and `pending` are as they were when it was said."""

    overtaken: bool = False
    """Of a message that is owed: the worker has replied to a newer one."""

    behind: tuple[Utterance, ...] = ()
    """The latest messages before it that are owed their answers, oldest first."""

    promised: bool = False
    """Of a message behind one that is owed: a holding notice is the last that its contact was told."""

    def waited_s(self, now: datetime) -> float:
        """Return seconds since the message was accepted, on the wall clock: it may have been days ago."""
        return (now - self.message.received_at).total_seconds()


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """One thing to deliver. Its id is derived from its turn, so a second send is recognisable."""

    id: str
    turn_id: str
    conversation_id: int
    channel: str
    address: Mapping[str, str]
    kind: OutboundKind
    reply: Reply
    created_at: datetime
    expires_at: datetime
    attempt: int = 1
    """1 for the first; counted on disk before the send."""

    unsure: bool = False
    """An earlier send's outcome is unknown: use the platform's own duplicate guard if it has one."""

    send_before: float | None = field(default=None, compare=False)
    """Until when this owner may send it, in `Clock.monotonic` seconds: after that another may be about
    to. `None` as long as it is nobody's. Set by the store that gives it out; moved by `renew_outbound`."""

    asked_at: datetime | None = field(default=None, compare=False)
    """When the message that it answers was sent or, where that is not known (any more), accepted; `None`
    where no message was."""

    contents: Mapping[str, bytes] = field(default_factory=dict, compare=False, repr=False)
    """What the reply's attachments are made of, by id; empty until it is about to be delivered."""


@dataclass(frozen=True, slots=True)
class ProactiveMessage:
    """Something that is said unasked."""

    id: str
    """Derived from whatever its sender calls it: the same id is one message."""

    channel: str
    to: str
    """The contact, group or room, in the platform's own words."""

    address: Mapping[str, str]
    reply: Reply
    at: datetime
    urgent: bool = False
    """It goes out before all others to the same target that are not."""


class PipelineStore(Protocol):
    """Keeps inbound messages, turns and outbound messages."""

    async def accept(self, message: InboundMessage) -> Accepted:
        """Store a message, or recognise it as a duplicate, in one transaction.

        Raises:
            StoreBusy: It could not be flushed to disk within the accept deadline.
            IdReused: The id is known with another digest.
        """
        ...

    async def claim(self, *, owner: str, limit: int, now: datetime) -> list[Claim]:
        """Take the oldest due message of up to `limit` conversations that nobody owns.

        Conversations that have been ready longest come first. A lease runs out by itself, so a
        dead owner's conversations come back.
        """
        ...

    async def renew(self, claims: Sequence[Claim], *, now: datetime) -> None:
        """Extend the leases of turns that are still in progress."""
        ...

    async def finish(
        self,
        claim: Claim,
        result: TurnResult,
        outbound: Sequence[OutboundMessage],
        *,
        now: datetime,
        response_ms: float,
    ) -> list[OutboundMessage]:
        """Store the result, the reply and "done", and free the conversation: one transaction.

        Returns:
            Which of `outbound` this owner must send now; they are stored as being sent, attempt 1.
            The others wait behind an earlier message of their conversation.

        Raises:
            LeaseLost: The claim's epoch is no longer the conversation's.
            AnswererChanged: The worker would speak where a person answers by now, or is silent where none
                does any more; its message is to be tried again. What is shown already, or was promised
                (`Claim.held`), is said all the same.
        """
        ...

    async def hold(self, claim: Claim, notice: OutboundMessage | None, *, until: datetime) -> list[OutboundMessage]:
        """Owe the message its answer, and store the holding notice if one is given.

        It is taken again at `until`, but not before messages that are not owed theirs, and not before
        older ones that are: their time is its time. A message that is held has not failed: its attempts
        are counted anew.

        Returns:
            The notice if this owner must send it now, as for `finish`.

        Raises:
            LeaseLost: As for `finish`.
        """
        ...

    async def count_attempt(self, claim: Claim) -> None:
        """Count an attempt that `claim` did not count, right before it is made.

        The first `COUNTED_BY_CLAIM` of a message are counted as it is claimed, which costs no write of its own.
        The later ones may end in a dead letter, so that a process that dies between the two must not count.

        Raises:
            LeaseLost: As for `finish`.
        """
        ...

    async def defer(self, claim: Claim, *, until: datetime) -> None:
        """Give the conversation back untouched: the message stays first and is due at `until`.

        Raises:
            LeaseLost: As for `finish`.
        """
        ...

    async def keep(self, claim: Claim, progress: Progress) -> None:
        """Replace what is kept of how far the turn has come; every later claim of its message brings it.

        It is forgotten with the message.

        Raises:
            LeaseLost: As for `finish`.
        """
        ...

    async def announce(self, claim: Claim, notice: OutboundMessage) -> list[OutboundMessage]:
        """Store a holding notice while the turn goes on, and mark its message as held.

        Returns:
            The notice if this owner must send it now, as for `finish`.

        Raises:
            LeaseLost: As for `finish`.
        """
        ...

    async def retry(self, claim: Claim, *, error: str, until: datetime) -> None:
        """Put the message back, first in its lane, due at `until`."""
        ...

    async def bury(self, claim: Claim, *, error: str, now: datetime) -> None:
        """Give the message up: a visible dead letter; the lane goes on with the next."""
        ...

    async def claim_outbound(
        self, *, owner: str, limit: int, now: datetime, without: Collection[str] = ()
    ) -> list[OutboundMessage]:
        """Take due outbound messages for sending, oldest first, one per conversation at most.

        A row whose sender died while sending comes back with `unsure` set. Those of the channels
        `without` are left to other nodes.
        """
        ...

    async def push(self, message: ProactiveMessage) -> bool:
        """Store a proactive message, to be claimed at once; return False if its id is known already.

        Those to one target are one conversation of their own, which nobody sees: they go out one
        after the other, urgent ones first, and never between a question and its answer.
        """
        ...

    async def merge(self, outbound: OutboundMessage, *, most_bytes: int) -> OutboundMessage:
        """Let proactive messages that wait for the same target go out with one that is about to be sent.

        As many as fit into `most_bytes` of UTF-8, in their order, a blank line between two. From then
        on they are one message: it has all their words, durably, and how it ends is how they end.

        Returns:
            The message with all their words; unchanged if nothing fits, or it is not its sender's any more.
        """
        ...

    async def renew_outbound(self, messages: Sequence[OutboundMessage], *, now: datetime) -> list[OutboundMessage]:
        """Extend the leases of sends in progress; return those still their sender's, with a later `send_before`.

        One that is missing was settled in the meantime, or another owner has taken it over.
        """
        ...

    async def settle(
        self,
        outbound: OutboundMessage,
        state: FinalState,
        *,
        now: datetime,
        error: str = "",
        platform_id: str = "",
    ) -> bool:
        """Record how a send ended; these states are final. Return whether the conversation has more to send.

        Nothing is recorded of a send whose row another owner has claimed since.
        """
        ...

    async def postpone(
        self, outbound: OutboundMessage, *, until: datetime, error: str, unsure: bool, counts: bool = True
    ) -> None:
        """Record a failed send that is to be tried again at `until`; nothing, as for `settle`.

        Where it does not count (it was not sent, or the platform only said "later"), the attempt is
        taken back.
        """
        ...

    async def next_due(self, *, now: datetime) -> datetime | None:
        """Return when the next inbound or outbound work becomes due; `None` when there is none."""
        ...

    async def watch(self, hear: Callable[[Heard], None]) -> None:
        """Tell `hear` what other processes on the same store do; runs until it is cancelled.

        It may tell too much and, after a lost connection, too little: whoever listens looks into the
        store, and does so now and then unasked.
        """
        ...

    async def recover(self, *, owner: str) -> int:
        """Free what earlier owners on this data folder left behind; return how many messages wait.

        What processes with other data folders own, on the same store, stays theirs.

        Called once at start by the process that holds the data folder's lock.
        """
        ...
