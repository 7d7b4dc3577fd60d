"""The desk: colleagues on the duty roster take conversations over from their own messenger.

It stands before the turn: what a colleague writes is an order or goes to a contact, and what a contact
writes to somebody who answers from a messenger goes there. Everything it does for a message may be done
again after a crash, and is then done once: seats say which turn left them, words carry their turn's id,
and so does whatever colleagues are told.
"""

from collections.abc import Callable

import structlog

from ai_worker.conversation.conversation import Conversation, State
from ai_worker.conversation.desk_words import QUEUE, Command, DeskWords, command
from ai_worker.conversation.duty import Duty
from ai_worker.conversation.handoff_store import Colleague, HandoffStore, OtherConversation, SeatAsleep
from ai_worker.conversation.handoff_summary import Summary, summarise, topic
from ai_worker.conversation.message import InboundMessage, Reply
from ai_worker.conversation.model import OnDelta
from ai_worker.conversation.progress import Notebook
from ai_worker.conversation.store import AlreadyTaken, ConversationStore, NoSuchConversation, show
from ai_worker.conversation.turn import TurnInput, TurnResult
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.events import EventBus
from ai_worker.pipeline.approving import ApprovalDesk
from ai_worker.pipeline.board import Board, PersonSaid
from ai_worker.pipeline.facts import ConversationChanged
from ai_worker.pipeline.push import CannotPush, Pusher
from ai_worker.pipeline.runner import Turns

log = structlog.get_logger(__name__)

SILENT = TurnResult("silent", None)
"""The end of a turn that the desk has seen to: what is told to colleagues is pushed, in one row with all else."""

THREAD = 60
"""Lines of a conversation that a summary is made from."""


class Desk:
    """Carries out what colleagues want, and carries words between them and contacts."""

    def __init__(
        self,
        *,
        duty: Duty,
        handoffs: HandoffStore,
        conversations: ConversationStore,
        pusher: Pusher,
        words: DeskWords,
        board: Board,
        events: EventBus,
        clock: Clock,
        wake: Callable[[], None],
        approvals: ApprovalDesk | None = None,
    ) -> None:
        """Put up a desk.

        Args:
            duty: Who is on the roster.
            handoffs: Keeps who talks to whom.
            conversations: Tells of conversations.
            pusher: Tells colleagues something.
            words: In which words.
            board: Told of what colleagues say.
            events: Told of takeovers and hand-backs.
            clock: Tells the time.
            wake: Wakes the delivery.
            approvals: Takes their word for what waits for it; `None` where nothing does.
        """
        self._duty = duty
        self._handoffs = handoffs
        self._conversations = conversations
        self._pusher = pusher
        self._words = words
        self._board = board
        self._events = events
        self._clock = clock
        self._wake = wake
        self._approvals = approvals

    def colleague(self, message: InboundMessage) -> Colleague | None:
        """Return which colleague writes to the worker alone; `None` for everybody else, and in groups."""
        if message.group or message.standalone or message.chosen:  # a pressed button is meant for the worker
            return None
        return self._duty.colleague(message.channel, message.contact.id)

    async def serve(self, colleague: Colleague, given: TurnInput) -> bool:
        """See to a colleague's message; return False if it is none of the desk's, but a question like any other.

        Raises:
            Busy: Not all of it is durable; come again with the same turn.
        """
        message, turn_id = given.message, given.turn_id
        wanted = command(message.text)
        if wanted is None:
            return await self._pass_on(colleague, message, turn_id)
        told = await self._carry_out(colleague, wanted, message, turn_id)
        await self._tell(colleague, told, id=f"desk:{turn_id}")
        return True

    async def relay(self, message: InboundMessage, turn_id: str) -> None:
        """Carry what a contact says to whoever answers them from a messenger, if anybody does.

        Raises:
            Busy: It is not durable; come again with the same turn.
        """
        conversation = await self._conversations.find(message.channel, message.conversation_key)
        colleague = None if conversation is None else await self._handoffs.seated(conversation.id)
        if conversation is None or colleague is None:
            return
        name = message.contact.name if conversation.group and message.contact.name else self._words.name(conversation)
        text = self._words.say("relayed", label=conversation.label, name=name, text=show(message))
        await self._tell(colleague, text, id=f"relay:{turn_id}")

    async def _pass_on(self, colleague: Colleague, message: InboundMessage, turn_id: str) -> bool:
        if not message.text.strip():
            if await self._handoffs.seat(colleague) is None:
                return False
            await self._tell(colleague, self._words.say("words_only"), id=f"desk:{turn_id}")
            return True
        reply = Reply(message.text.strip())
        try:
            there = await self._handoffs.speak(colleague, reply, self._clock.now(), turn_id=turn_id)
        except SeatAsleep as asleep:
            seat = asleep.conversation
            told = self._words.say("asleep", label=seat.label, name=self._words.name(seat))
            await self._tell(colleague, told, id=f"desk:{turn_id}")
            return True
        if there is None:
            return False
        self._board.post(PersonSaid(there.id, reply, colleague.person), conversation_id=there.id)
        self._events.publish(ConversationChanged(there.id))
        self._wake()
        if len(message.parts) > sum(part.kind == "text" for part in message.parts):
            await self._tell(colleague, self._words.say("words_only"), id=f"desk:{turn_id}")
        return True

    async def _carry_out(self, colleague: Colleague, wanted: Command, message: InboundMessage, turn_id: str) -> str:
        match wanted.order:
            case "queue":
                waiting = await self._conversations.conversations(states=[State.WAITING], limit=QUEUE)
                count = (await self._conversations.counts())[State.WAITING]
                about = [(one, topic(one, await self._summary(one))) for one in waiting]
                return self._words.queue(about, count, self._clock.now())
            case "take":
                return await self._take(colleague, wanted.number, message)
            case "leave":
                return await self._leave(colleague, wanted.number, turn_id)
            case "approve" | "refuse":
                if self._approvals is None:
                    return self._words.say("approval_unknown", code=wanted.code)
                return await self._approvals.decide(colleague, wanted.code, yes=wanted.order == "approve")
            case "unclear":
                return self._words.say("unclear")

    async def _take(self, colleague: Colleague, number: int | None, message: InboundMessage) -> str:
        try:
            wanted = await self._wanted(number)
        except NoSuchConversation:
            return self._words.say("not_waiting", label=f"c-{number}")
        if wanted is None:
            return self._words.say("queue_empty")
        if (wanted.channel, wanted.key) == (message.channel, message.conversation_key):
            return self._words.say("own", label=wanted.label)
        if wanted.state is not State.WAITING and wanted.person != colleague.person:
            key = "another" if wanted.state is State.HUMAN else "not_waiting"
            return self._words.say(key, label=wanted.label, person=wanted.person)
        try:
            taken = await self._handoffs.take_seat(colleague, wanted.id, self._clock.now())
        except AlreadyTaken:
            now = await self._conversations.conversation(wanted.id)
            return self._words.say("another", label=now.label, person=now.person)
        except OtherConversation:
            other = await self._handoffs.seat(colleague)
            return self._words.say("other_seat", label=other.label if other else "")
        self._events.publish(ConversationChanged(taken.id))
        return self._words.taken(taken, await self._summary(taken))

    async def _summary(self, conversation: Conversation) -> Summary:
        return summarise(await self._conversations.thread(conversation.id, limit=THREAD))

    async def _wanted(self, number: int | None) -> Conversation | None:
        if number is not None:
            return await self._conversations.conversation(number)
        waiting = await self._conversations.conversations(states=[State.WAITING], limit=1)
        return waiting[0] if waiting else None

    async def _leave(self, colleague: Colleague, number: int | None, turn_id: str) -> str:
        seat = await self._handoffs.seat(colleague)
        if seat is not None and number not in (None, seat.id):
            return self._words.say("other_seat", label=seat.label)
        left = await self._handoffs.leave_seat(colleague, self._clock.now(), turn_id=turn_id)
        if left is None:
            return self._words.say("not_seated")
        self._events.publish(ConversationChanged(left.id))
        return self._words.say("left", label=left.label)

    async def _tell(self, colleague: Colleague, text: str, *, id: str) -> None:
        try:
            await self._pusher.push(colleague.channel, colleague.contact_id, text, id=id)
        except CannotPush:  # the channel has left the settings; the console shows it all the same
            log.warning("desk.cannot_tell", channel=colleague.channel, person=colleague.person)


class DeskTurns:
    """Turns with a desk before them: see `Turns`."""

    def __init__(self, turns: Turns, desk: Desk) -> None:
        self._turns, self._desk = turns, desk

    async def run(
        self,
        given: TurnInput,
        *,
        on_delta: OnDelta | None = None,
        on_draft: Callable[[str], None] | None = None,
        notebook: Notebook | None = None,
    ) -> TurnResult:
        """Let the desk see to a message that concerns it; every other one is a turn."""
        colleague = self._desk.colleague(given.message)
        if colleague is not None and await self._desk.serve(colleague, given):
            return SILENT
        if given.human and not given.held:  # what is owed an answer stands open in the summary of whoever took over
            await self._desk.relay(given.message, given.turn_id)
        return await self._turns.run(given, on_delta=on_delta, on_draft=on_draft, notebook=notebook)

    def holding(self, given: TurnInput) -> Reply:
        """Return the words that say the answer is on its way."""
        return self._turns.holding(given)
