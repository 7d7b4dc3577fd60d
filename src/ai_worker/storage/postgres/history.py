"""What was said before in conversations: finished turns, and what a person wrote."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from ai_worker.conversation.message import Utterance
from ai_worker.conversation.store import show_reply
from ai_worker.storage import codec, contact_rows

UTTERANCES = 12
"""How many of the latest utterances a turn is told."""

SAID = """
SELECT lane.id, finished_at, seq, text, reply, tainted, NULL AS body,
    CASE WHEN grouped THEN coalesce(said_by, '') END, CASE WHEN grouped THEN coalesce(
        (SELECT name FROM contact WHERE contact.channel = inbound.channel AND contact.id = inbound.said_by),
        contact_name) END
FROM unnest($1::bigint[], $3::boolean[], $4::bigint[]) AS lane (id, grouped, before) CROSS JOIN LATERAL (
    SELECT seq, finished_at, reply, coalesce(tainted, true) AS tainted FROM turn
    WHERE conversation_id = lane.id AND seq < lane.before
    ORDER BY seq DESC LIMIT $2
) AS latest JOIN inbound USING (seq)
UNION ALL
SELECT lane.id, created_at, n, NULL, NULL, false, body, NULL, NULL
FROM unnest($1::bigint[]) AS lane (id) CROSS JOIN LATERAL (
    SELECT n, created_at, body FROM outbound WHERE conversation_id = lane.id AND kind = 'human'
    ORDER BY n DESC LIMIT $2
) AS latest
"""

_Place = tuple[int, bool, int, int]
"""When, whether the worker and not a person said it, in which row, and question before answer."""


LAST = 2**63 - 1
"""The highest number that a row can have."""


async def latest(connection: Any, lanes: Sequence[tuple[int, bool, int | None]]) -> dict[int, tuple[Utterance, ...]]:
    """Return the latest utterances of each conversation, oldest first; of a group's, each with who said it.

    A question stands directly before its answer, even if other messages came in between.

    Args:
        connection: Where to read.
        lanes: Conversations, whether each is a group's, and from which message (seq) on its messages and
            their answers are left out; `None`: nothing is.
    """
    if not lanes:
        return {}
    before = [LAST if number is None else number for _, _, number in lanes]
    asked = [lane[0] for lane in lanes], UTTERANCES, [lane[1] for lane in lanes], before
    found: defaultdict[int, list[tuple[_Place, Utterance]]] = defaultdict(list)
    for conversation_id, at, row, text, reply, tainted, body, contact_id, name in await connection.fetch(SAID, *asked):
        said = found[conversation_id]
        if body is not None:
            said.append(((at, False, row, 0), Utterance("assistant", show_reply(codec.reply(body)))))
            continue
        who = None if contact_id is None else contact_rows.speaker(contact_id, name)
        said.append(((at, True, row, 0), Utterance("user", text, who)))
        if reply is not None:
            said.append(((at, True, row, 1), Utterance("assistant", reply, tainted=tainted)))
    return {number: _ordered(said) for number, said in found.items()}


def _ordered(said: list[tuple[_Place, Utterance]]) -> tuple[Utterance, ...]:
    said.sort(key=_place)
    return tuple(utterance for _, utterance in said[-UTTERANCES:])


def _place(entry: tuple[_Place, Utterance]) -> _Place:
    return entry[0]
