"""Questions: the several that one message may hold, each made whole."""

import re

from ai_worker.conversation.hearing import clauses, hearing, squash

LONGEST = 400
"""Characters of a message that is taken apart whole; in a longer one only numbers and question marks separate."""

SHORTEST = 3
"""Characters without which a piece asks nothing of its own: `对吗`."""

_NUMBERED = re.compile(
    r"(?:^|(?<=[\s。！？!?；;，,：:]))\s*(?:\d{1,2}[.、)）．](?!\d)|[（(]\d{1,2}[)）]|[①-⑩]|[一二三四五六七八九十]{1,2}、)\s*"
)
_ASKING_IN_ENGLISH = (
    r"(?:[Ww]h(?:at|ere|en|o|ich|y)|[Hh]ow|(?:[Dd]o|[Dd]oes|[Dd]id|[Cc]an|[Cc]ould|[Ii]s|[Aa]re|[Ww]ill|[Mm]ay)"
    r" (?:i|I|we|you|it|the|my|there))\b"
)
"""How an English question begins that is glued to the sentence before it."""

_ENDS = re.compile(
    rf"(?<=[？?])|[。！!；;\n]+|(?<=[a-z])\.(?:\s|(?=(?:[Aa]nd |[Aa]lso |[Bb]ut )?{_ASKING_IN_ENGLISH}))"
)
_COMMAS = re.compile(
    r"[，,](?:另外|还有|然后|顺便问一下|顺便问下|顺便|以及|再问一下|再就是|also|and also)?\s*"
    rf"| and (?:also )?(?={_ASKING_IN_ENGLISH})"
)
_JOINS = re.compile(
    r"^(?:(?:请问一下|请问|你好|您好|另外|还有|然后|顺便问一下|顺便问下|顺便|以及|再问一下|再就是|(?:also|and|plus|then)(?![a-z]))[，,\s]*)+",
    re.IGNORECASE,
)


def questions(text: str) -> list[str]:
    """Return the questions of a message in their order; a message that holds one is that one.

    What is said before a question, and asks nothing, belongs to it: `我买了打印机。坏了能退吗？` is one.
    """
    numbered = [piece.strip() for piece in _NUMBERED.split(text)]
    if len(numbered) > 2:
        opening, *items = numbered
        items = [item for item in items if _matters(item)]
        asked = [*_asked([opening]), *items] if hearing().asks(opening) else items
        return asked if len(asked) > 1 else [text]
    return _several([piece for piece in _ENDS.split(text) if piece.strip()]) or [text]


def questions_between_commas(text: str) -> list[str]:
    """Return the questions of a message where commas may separate them, too: `怎么退货，运费谁出`.

    A comma may also join what is one, so this is only to be believed where each is answered surely.
    """
    if len(text) > LONGEST:
        return [text]
    pieces = [piece for part in _ENDS.split(text) for piece in _COMMAS.split(part) if piece.strip()]
    return _several(pieces) or [text]


def core_of(text: str) -> str:
    """Return the sentence of a message that asks; the message, where that is not plain.

    `我上周买了一把椅子。想退货，怎么退？麻烦告诉我一下好吗？` asks `想退货，怎么退？`.
    """
    sentences = [piece.strip() for piece in _ENDS.split(text) if squash(piece)]
    asking = [sentence for sentence in sentences if hearing().asks(sentence) and _matters(sentence)]
    return _JOINS.sub("", asking[0]) if len(asking) == 1 else text


def _several(pieces: list[str]) -> list[str]:
    """Return the questions among pieces; none if there are not at least two."""
    found = _asked(pieces) if len(pieces) > 1 else []
    return found if len(found) > 1 else []


def _asked(pieces: list[str]) -> list[str]:
    listening = hearing()
    found: list[str] = []
    said = ""
    for piece in (_JOINS.sub("", piece.strip()) for piece in pieces):
        if not squash(piece) or listening.small_talk(piece) is not None:
            continue
        if not listening.asks(piece):
            said += f"{piece}，"
        elif _matters(piece):
            found.append(said + piece)
            said = ""
    if said and found:
        found[-1] = f"{found[-1]} {said.rstrip('，')}"
    return found


def _matters(piece: str) -> bool:
    """Return whether a piece asks something of its own, rather than for an answer: `能告诉我一下吗`."""
    return len(squash(piece)) >= SHORTEST and not all(hearing().only_begs(clause) for clause in clauses(piece))
