"""What is stored of each thing, and what it is made from again: the same in every database."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ai_worker.conversation.contacts import NAME, ContactKey, KnownContact
from ai_worker.conversation.conversation import Conversation, State
from ai_worker.conversation.evaluation import GoldenQuestion, Threshold
from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.handoff_store import AWAKE, SeatAsleep
from ai_worker.conversation.message import Contact, InboundMessage, Reply
from ai_worker.conversation.store import AlreadyTaken, show
from ai_worker.conversation.turn import TurnResult
from ai_worker.foundation.clock import from_micros, to_micros
from ai_worker.foundation.ids import derived_id, new_id
from ai_worker.foundation.text import fold, shorten
from ai_worker.knowledge.gaps import Gap
from ai_worker.pipeline.store import Claim, FinalState, OutboundMessage, ProactiveMessage
from ai_worker.storage import codec, filing

LINE = 120
"""Characters of the latest message that lists show."""

QUESTION = 200
"""Characters of a question that are kept and compared."""

SAID = 500
"""Characters that are kept of an answer that did not help."""

LIFETIME = timedelta(hours=24)
"""How long a person's words are worth delivering."""

BETWEEN = "\n\n"
"""Between two messages that go out as one."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a send ended."""

    state: FinalState
    at: datetime
    error: str = ""
    platform_id: str = ""


def rateable(turns: Sequence[Any]) -> str | None:
    """Return the first of these turns (id, result as stored) whose reply may be rated."""
    for turn_id, result in turns:
        reply = codec.reply_of(result)
        if reply is not None and reply.rateable:
            return str(turn_id)
    return None


def plain(text: str) -> str:
    """Return text without the one character that PostgreSQL cannot keep."""
    return text.replace("\0", "")


def without_nul(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row whose texts are all `plain`. The doors have cleaned them; no other source may stop a batch."""
    for name, value in row.items():
        if isinstance(value, str) and "\0" in value:
            row[name] = plain(value)
    return row


def inbound(message: InboundMessage) -> dict[str, Any]:
    """Return what is stored of a message; made before it is anybody's turn, so that nobody waits for it."""
    text, turn_id = show(message), message.turn_id or new_id("t")
    return {
        "channel": message.channel,
        "message_id": message.message_id,
        "turn_id": turn_id,
        "key": message.conversation_key,
        "contact_id": message.contact.id,
        "contact_name": message.contact.name,
        "grouped": message.group,
        "group_name": message.group_name,
        "worker": message.worker or "",
        "standalone": message.standalone,
        "address": codec.encode(message.address),
        "received_at": to_micros(message.received_at),
        "line": shorten(text, LINE),
        "digest": message.digest,
        "text": text,
        "body": codec.encode(message),
        "files": filing.wanted(message, turn_id),
    }


def outbound(messages: Sequence[OutboundMessage]) -> list[dict[str, Any]]:
    """Return rows for messages that are to be sent at once; `owner` is added when it is known."""
    return [
        {
            "id": message.id,
            "turn_id": message.turn_id,
            "conversation_id": message.conversation_id,
            "channel": message.channel,
            "address": codec.encode(message.address),
            "kind": message.kind,
            "person": "",
            "state": "sending",
            "attempts": 1,
            "created_at": to_micros(message.created_at),
            "expires_at": to_micros(message.expires_at),
            "body": codec.encode(message.reply),
        }
        for message in messages
    ]


def said(
    conversation_id: int, lane: Sequence[Any], person: str, reply: Reply, at: datetime, *, id: str = ""
) -> dict[str, Any]:
    """Return the row for a person's words; `lane` is the conversation's channel and stored address."""
    return {
        "id": id or new_id("h"),
        "turn_id": None,
        "conversation_id": conversation_id,
        "channel": lane[0],
        "address": lane[1],
        "kind": "human",
        "person": person,
        "created_at": to_micros(at),
        "expires_at": to_micros(at + LIFETIME),
        "body": codec.encode(reply),
    }


def pushed(message: ProactiveMessage) -> dict[str, Any]:
    """Return the row for a proactive message; `conversation_id` is added when it is known."""
    return {
        "id": message.id,
        "turn_id": None,
        "channel": message.channel,
        "address": codec.encode(message.address),
        "kind": "proactive",
        "person": "",
        "created_at": to_micros(message.at),
        "expires_at": to_micros(message.at + LIFETIME),
        "body": codec.encode(message.reply),
    }


def push_lane(message: ProactiveMessage) -> dict[str, Any]:
    """Return the row for the conversation in which a target's proactive messages go out: a list shows none of it."""
    return {
        "channel": message.channel,
        "key": f"push:{message.to}",
        "contact_id": message.to,
        "address": codec.encode(message.address),
        "at": to_micros(message.at),
    }


def merged(first: Reply, waiting: Sequence[Any], most_bytes: int) -> tuple[Reply, list[int]]:
    """Return a message's words with those that wait behind it, and the numbers of the rows that fitted.

    Args:
        first: What goes out in any case.
        waiting: Number, body and attempts of each row in its order. One that was tried before ends the
            row: it may be repeated only with its own words.
        most_bytes: UTF-8.
    """
    texts, taken = [first.text], list[int]()
    room = most_bytes - len(first.text.encode())
    for number, body, attempts in waiting:
        text = codec.reply(body).text
        room -= len(text.encode()) + len(BETWEEN)
        if attempts or room < 0:
            break
        texts.append(text)
        taken.append(number)
    return replace(first, text=BETWEEN.join(texts)), taken


GAP = (
    *("question", "times", "first_at", "last_at", "turn_id", "n", "kind", "said", "state", "base", "entry_id"),
    *("settled_at", "settled_by"),
)
"""The columns that `known_gap` reads."""


def gap(claim: Claim, result: TurnResult, now: datetime) -> dict[str, Any]:
    """Return what is stored of a question that had no answer."""
    return _gap(result.question or show(claim.message), claim.turn_id, to_micros(now), kind="unanswered", said="")


def disliked(turn_id: str, text: str, result: str, at: datetime) -> dict[str, Any]:
    """Return what is stored of a question whose answer, as the turn's result has it, did not help."""
    reply, question = codec.reply_of(result), codec.question_of(result)
    return _gap(
        question or text, turn_id, to_micros(at), kind="disliked", said=shorten(reply.text, SAID) if reply else ""
    )


def _gap(text: str, turn_id: str, at: int, *, kind: str, said: str) -> dict[str, Any]:
    question = shorten(text, QUESTION)
    return {"folded": fold(question), "question": question, "at": at, "turn_id": turn_id, "kind": kind, "said": said}


def known_gap(row: Any) -> Gap:
    """Return a gap as its row tells, in the order of `GAP`."""
    question, times, first_at, last_at, turn_id, number, kind, said, state, base, entry_id, settled_at, by = row
    return Gap(
        question=question,
        times=times,
        first_at=from_micros(first_at),
        last_at=from_micros(last_at),
        turn_id=turn_id,
        number=number,
        kind=kind,
        said=said,
        state=state,
        base=base,
        entry_id=entry_id,
        settled_at=None if settled_at is None else from_micros(settled_at),
        settled_by=by,
    )


def answerer_changed(claim: Claim, result: TurnResult, state: str) -> bool:
    """Return whether a turn was run for another answerer than the one that its conversation has now."""
    if claim.state is State.HUMAN:
        return result.decision == "silent" and state != State.HUMAN
    return state == State.HUMAN and result.reply is not None and not claim.held


def asking(state: str, reason: str, since: int | None, result: TurnResult, at: int) -> tuple[str, str, int]:
    """Return state, reason and since when a person is waited for; a reason that blocks is not weakened."""
    if state == State.WAITING and since is not None:
        blocked = bool(reason) and Reason(reason).blocks
        return state, reason if blocked or result.reason is None else result.reason.value, since
    return State.WAITING.value, result.reason.value if result.reason else "", at


def awake(spoken: Conversation, taken_at: int, at: datetime) -> None:
    """Make sure that a colleague and a contact have been talking.

    Raises:
        SeatAsleep: They have not, for a long time.
    """
    if at - max(spoken.last_at, from_micros(taken_at)) > AWAKE:
        raise SeatAsleep(f"Nothing was said in {spoken.label} for a long time.", spoken)


def said_by_turn(turn_id: str) -> str:
    """Return the id of the words that a colleague said by a message of their own."""
    return derived_id("h", turn_id)


def not_theirs(found: Conversation, person: str) -> AlreadyTaken:
    """Return the refusal for a person who does not answer a conversation."""
    who = found.person or "Nobody"
    return AlreadyTaken(f"{person} does not answer {found.label} now; {who} has taken it over.")


def conversation(row: Any) -> Conversation:
    """Return a conversation as its row tells."""
    number, channel, key, contact_id, contact_name, worker, state, reason, since, opened, last, text, unread, *rest = (
        row
    )
    who, department, grouped, group_name, first_in_queue = rest
    return Conversation(
        id=number,
        channel=channel,
        key=key,
        contact_id=contact_id,
        contact_name=contact_name,
        worker=worker,
        state=State(state),
        handoff_reason=reason,
        waiting_since=None if since is None else from_micros(since),
        opened_at=from_micros(opened),
        last_at=from_micros(last),
        last_text=text,
        unread=unread,
        person=who,
        department=department,
        group=bool(grouped),
        group_name=group_name,
        first_in_queue=bool(first_in_queue),
    )


def by_directory(message: InboundMessage, name: str | None, department: str | None) -> InboundMessage:
    """Return a message with what its platform's directory says of the contact."""
    if name is None and department is None:
        return message
    said = message.contact
    return replace(message, contact=replace(said, name=name or said.name, department=department or said.department))


def contact(row: Any) -> KnownContact:
    """Return a contact as its row tells."""
    channel, number, name, department, looked_up_at, person_id = row
    asked = None if looked_up_at is None else from_micros(looked_up_at)
    return KnownContact(ContactKey(channel, number), name, department, asked, person_id)


def directory(contact: Contact) -> tuple[str | None, str | None]:
    """Return what is stored of a contact's name and department."""
    name, department = (
        None if said is None else plain(shorten(said, NAME)) for said in (contact.name, contact.department)
    )
    return name, department


def speaker(contact_id: str | None, name: str | None) -> Contact:
    """Return who said something in a group."""
    return Contact(contact_id or "", name)


def pattern(words: str) -> str:
    """Return the `LIKE` pattern of texts in which `words` stand; its escape character is the backslash."""
    escaped = plain(words).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def golden(row: Any) -> GoldenQuestion:
    """Return a golden question as its row tells."""
    id_, question, answer_ids, topic, source, added_at = row
    return GoldenQuestion(id_, question, codec.strings(answer_ids), topic, source, from_micros(added_at))


def golden_row(question: GoldenQuestion, at: datetime) -> tuple[str, str, str, str, str, int]:
    """Return what is stored of a golden question."""
    ids = codec.encode([plain(id_) for id_ in question.answer_ids])
    return plain(question.id), plain(question.question), ids, plain(question.topic), question.source, to_micros(at)


def threshold(row: Any) -> Threshold:
    """Return a base's thresholds as their row tells."""
    base, target, answer_at, clarify_at, questions, tuned_at = row
    return Threshold(base, target, answer_at, clarify_at, questions, from_micros(tuned_at))


def threshold_row(threshold: Threshold) -> tuple[str, float, float, float, int, int]:
    """Return what is stored of a base's thresholds."""
    one = threshold
    return plain(one.base), one.target, one.answer_at, one.clarify_at, one.questions, to_micros(one.tuned_at)
