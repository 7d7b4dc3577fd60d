"""What was said before in a conversation: finished turns, and what a person wrote."""

import apsw

from ai_worker.conversation.message import Utterance
from ai_worker.conversation.store import show_reply
from ai_worker.storage import codec, contact_rows

UTTERANCES = 12
"""How many of the latest utterances a turn is told."""

TURNS = """
SELECT turn.finished_at, inbound.text, turn.result FROM turn JOIN inbound USING (seq)
WHERE turn.conversation_id = ? AND turn.seq < ? ORDER BY turn.seq DESC LIMIT ?
"""

# In a group it matters who asked.
GROUP_TURNS = """
SELECT turn.finished_at, inbound.text, turn.result, inbound.said_by, coalesce(
    (SELECT name FROM contact WHERE contact.channel = inbound.channel AND contact.id = inbound.said_by),
    inbound.contact_name)
FROM turn JOIN inbound USING (seq) WHERE turn.conversation_id = ? AND turn.seq < ? ORDER BY turn.seq DESC LIMIT ?
"""

PERSONS = """
SELECT created_at, body FROM outbound WHERE conversation_id = ? AND kind = 'human' ORDER BY n DESC LIMIT ?
"""


LAST = 2**63 - 1
"""The highest number that a row can have."""


def latest(
    connection: apsw.Connection, conversation_id: int, *, grouped: bool, before: int | None = None
) -> tuple[Utterance, ...]:
    """Return the latest utterances, oldest first; of a group's, each with who said it.

    A question stands directly before its answer, even if other messages came in between.

    Args:
        connection: Where to read.
        conversation_id: The conversation.
        grouped: Whether it is a group's.
        before: Leaves out messages from this one (seq) on, and their answers; `None`: nothing.
    """
    found: list[tuple[int, Utterance]] = []
    statement = GROUP_TURNS if grouped else TURNS
    for at, question, result, *who in connection.execute(
        statement, (conversation_id, LAST if before is None else before, UTTERANCES)
    ):
        if (said := codec.said_of(result)) is not None:
            found.append((at, said))
        found.append((at, Utterance("user", question, contact_rows.speaker(*who) if who else None)))
        if len(found) >= UTTERANCES:
            break
    for at, body in connection.execute(PERSONS, (conversation_id, UTTERANCES)):
        found.append((at, Utterance("assistant", show_reply(codec.reply(body)))))
    found.reverse()
    found.sort(key=_moment)
    return tuple(utterance for _, utterance in found[-UTTERANCES:])


def _moment(entry: tuple[int, Utterance]) -> int:
    return entry[0]
