"""Focus: which record of a table a message is about, named in it or talked of before."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ai_worker.conversation.message import Utterance
from ai_worker.foundation.text import fold
from ai_worker.knowledge import terms
from ai_worker.knowledge.records.book import RecordBook
from ai_worker.knowledge.records.lexicon import lexicon
from ai_worker.knowledge.records.naming import Mention, squashed
from ai_worker.knowledge.records.table import Record, Table

HINTED = 20
"""Records talked of that a part of a name may mean, the latest."""


ASKED_BEFORE = 3
"""Questions back that are looked through for it."""

COMPARED = 2
"""Records that `它们哪个便宜` means."""


IN_PART = 0.9
"""What a word of a name counts for, where few names have it."""


@dataclass(frozen=True, slots=True)
class Focus:
    """What is asked of the records."""

    records: tuple[Record, ...]
    """Which are meant; when `unclear`, which may be."""

    columns: Mapping[Table, Sequence[str]]
    """What is asked of those of each table."""

    named: bool
    """The message itself names them, rather than leaning on the history."""

    share: float = 1.0
    """How much of the name was said: 1 in full."""

    unclear: bool = False
    """The words fit several records equally."""


def focus(book: RecordBook, text: str, history: Sequence[Utterance]) -> Focus | None:
    """Return what `text` asks of which records; `None` if it asks nothing of any."""
    mentions = book.mentioned(text)
    asked: Mapping[Table, Sequence[str]] = book.asked(text, mentions)
    if mentions:
        beside = _beside(text, mentions)
        return _named(book, mentions, asked or _asked_before(book, beside, history), history)
    folded, words = fold(text), lexicon()
    if words.seeks.search(folded) or words.of_all.search(folded):
        return None
    if asked and words.own.search(folded):
        return _named_in_part(book, terms.words(folded), asked, text)
    if asked:
        return _leaning(book, text, asked, history)
    _, telling = book.by_words(terms.words(folded))
    beside = folded
    for word in telling:
        beside = beside.replace(word, "")
    return _named_in_part(book, telling, _asked_before(book, beside, history), text) if telling else None


def _beside(text: str, mentions: Sequence[Mention]) -> str:
    """Return what a text says beside the names in it."""
    said = list(squashed(text))
    for mention in mentions:
        said[mention.start : mention.end] = " " * (mention.end - mention.start)
    return "".join(said).strip()


def _named_in_part(
    book: RecordBook, words: Sequence[str], asked: Mapping[Table, Sequence[str]], text: str
) -> Focus | None:
    """Return the records that are named by words of their names: `那 P80 呢`, `椅子和升降桌哪个贵`."""
    found, _ = book.by_words(words)
    meant = [record for record in found if book.table_of(record) in asked]
    if not meant:
        return None
    several = lexicon().several.search(fold(text)) is not None and len(meant) <= COMPARED
    unclear = not several and len({record.name for record in meant}) > 1
    return Focus(tuple(meant), asked, named=True, share=IN_PART, unclear=unclear)


def _asked_before(book: RecordBook, beside: str, history: Sequence[Utterance]) -> Mapping[Table, Sequence[str]]:
    """Return what was asked of another record, for a message that is little more than a name: `那乙店呢`.

    `beside` is what it says beside the name.
    """
    if not lexicon().likewise.fullmatch(beside):
        return {}
    questions = [utterance.text for utterance in history if utterance.role == "user"][-ASKED_BEFORE:]
    found = (book.asked(question, book.mentioned(question)) for question in reversed(questions))
    return next((asked for asked in found if asked), {})


def _named(
    book: RecordBook, mentions: Sequence[Mention], asked: Mapping[Table, Sequence[str]], history: Sequence[Utterance]
) -> Focus | None:
    records: list[Record] = []
    unclear = False
    share = 1.0
    for mention in mentions:
        meant = [record for record in mention.records if book.table_of(record) in asked]
        if not meant:
            continue
        if len({record.name for record in meant}) > 1:
            meant = _recent(book, meant, history) or meant
        unclear = unclear or len({record.name for record in meant}) > 1
        share = min(share, mention.share)
        records += meant
    if not records:
        return None
    return Focus(tuple(dict.fromkeys(records)), asked, named=True, share=share, unclear=unclear)


def _recent(book: RecordBook, among: Collection[Record], history: Sequence[Utterance]) -> list[Record]:
    """Return those of `among` that were named latest; none if none was."""
    for utterance in reversed(history):
        said = [record for mention in book.mentioned(utterance.text) if mention.exact for record in mention.records]
        if found := [record for record in said if record in among]:
            return list(dict.fromkeys(found))
    return []


def _leaning(
    book: RecordBook, text: str, asked: Mapping[Table, Sequence[str]], history: Sequence[Utterance]
) -> Focus | None:
    """Find what was talked of last among the tables that have what is asked."""
    if lexicon().several.search(fold(text)):
        words = terms.words(fold(text))
        if len({record.name for record in book.by_words(words)[0]}) > 1:
            return _named_in_part(book, words, asked, text)
    kinds = [table for table in _kinds(book, text) if table in asked]
    subjects, beside = _talked_of(book, history)
    hint = book.hinted(text, [*subjects, *beside][:HINTED])
    hinted = [hint] if hint else []
    noun = book.subject(text) if hint is None and not kinds else ""
    if noun and not (subjects and noun in fold(subjects[0].name)):
        named = [noun] if book.by_words([noun])[0] else terms.words(fold(text))
        return _named_in_part(book, named, asked, text)
    for tables in (kinds, list(asked)):
        for said in (hinted, subjects, beside):
            among = [one for one in said if book.table_of(one) in tables]
            if among:
                several = lexicon().several.search(fold(text)) is not None
                names = list(dict.fromkeys(one.name for one in among))[: COMPARED if several else 1]
                return Focus(tuple(one for one in among if one.name in names), asked, named=False)
    return None


def _talked_of(book: RecordBook, history: Sequence[Utterance]) -> tuple[list[Record], list[Record]]:
    """Return the records that were the subject, and those that were told in an answer about another; latest first.

    Who is told what is near a place, or an address with a landmark in it, goes on talking of the place.
    """
    subjects: list[Record] = []
    beside: list[Record] = []
    for at in range(len(history) - 1, -1, -1):
        utterance = history[at]
        told = utterance.role == "assistant" and at > 0 and _tells_about_one(book, history[at - 1].text, utterance.text)
        (beside if told else subjects).extend(_named_in(book, utterance.text))
    return list(dict.fromkeys(subjects)), list(dict.fromkeys(beside))


def _tells_about_one(book: RecordBook, question: str, reply: str) -> bool:
    """Return whether a question was about a record rather than for one, and the reply offers no other."""
    folded, words = fold(question), lexicon()
    if words.offers.search(fold(reply)) or words.seeks.search(folded) or words.bounds.search(folded):
        return False
    return bool(words.beside.search(folded) or book.asked(question, book.mentioned(question)))


def _named_in(book: RecordBook, text: str) -> list[Record]:
    """Return the single records that a text names, those in full first, without those that it turns down."""
    squashed_text = squashed(text)
    mentions = [
        mention
        for mention in book.mentioned(text)
        if len({record.name for record in mention.records}) == 1
        and not lexicon().not_it.search(squashed_text[: mention.start])
    ]
    found = sorted(mentions, key=lambda mention: not mention.exact)
    return [record for mention in found for record in mention.records]


def _kinds(book: RecordBook, text: str) -> list[Table]:
    """Return the tables of what `text` speaks of, but for what it looks for around: `附近的酒店`."""
    words = re.sub(rf"(?:{lexicon().beside.pattern}).{{0,6}}", "", fold(text))
    return book.kinds(words)
