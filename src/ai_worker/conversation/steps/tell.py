"""Tell: answer from records of a table, word for word, when it is plain which attribute of which is asked."""

import re
from collections.abc import Sequence
from dataclasses import replace

from ai_worker.conversation.context.focus import Focus, focus
from ai_worker.conversation.message import Choice, Reply, Utterance
from ai_worker.conversation.phrases import Phrases
from ai_worker.conversation.steps.compose import LABEL, sources, which_of
from ai_worker.conversation.turn import Candidate, TurnResult
from ai_worker.foundation.text import fold, shorten
from ai_worker.knowledge.citation import cite
from ai_worker.knowledge.passage import Scored
from ai_worker.knowledge.records.book import RecordBook
from ai_worker.knowledge.records.lexicon import lexicon
from ai_worker.knowledge.records.table import Record

NAMED = 0.95
"""Confidence when the message names the record in full."""

LEANING = 0.9
"""Confidence when the record is the one talked of."""

NEARLY = 0.85
"""From this share of a name on it is taken for the name; below, the contact is asked."""

CHOICES = 3
TOLD_AT_ONCE = 5

_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def tell(words: Phrases, book: RecordBook, about: Focus, *, text: str, times: int, may_ask: bool) -> TurnResult | None:
    """Return what the records say, or which of them is meant; `None` if they do not say.

    Args:
        words: The asker's language.
        book: The records.
        about: What is asked of which.
        text: The message.
        times: Which question back in a row the next one is.
        may_ask: Whether it may be asked back.
    """
    lines = [(record, said) for record in about.records[:TOLD_AT_ONCE] if (said := _said(words, book, about, record))]
    if not lines:
        return None
    if about.unclear or about.share < NEARLY:
        return _which(words, book, about, times=times) if may_ask else None
    told = "\n".join(line for _, said in lines for line in said)
    compared = _compared(words, book, about, text) if len(lines) > 1 else ""
    passages = [record.passage for record, _ in lines]
    parts = [told, compared, sources(words, passages)]
    sure = NAMED if about.named and about.share >= 1 else LEANING
    return TurnResult(
        "answer",
        Reply("\n\n".join(part for part in parts if part), rateable=True),
        confidence=sure,
        answer_id=passages[0].answer_id,
        candidates=tuple(Candidate(id_, sure) for id_ in dict.fromkeys(one.answer_id for one in passages)),
        citations=tuple(cite(Scored(passage, sure)) for passage in passages),
        tainted=any(passage.kind != "entry" for passage in passages),
    )


def chosen(words: Phrases, book: RecordBook, choice: Choice, history: Sequence[Utterance]) -> TurnResult | None:
    """Return what a record says that was offered as a choice; `None` if the choice is no record's."""
    about = focus(book, choice.label, history) if book else None
    if about is None or all(record.passage.id != choice.id for record in about.records):
        return None
    only = tuple(record for record in about.records if record.passage.id == choice.id)
    meant = Focus(only, about.columns, named=True)
    return tell(words, book, meant, text=choice.label, times=1, may_ask=False)


def _said(words: Phrases, book: RecordBook, about: Focus, record: Record) -> list[str]:
    """Return a line for each thing asked of a record; none if it says none of them."""
    columns = about.columns.get(book.table_of(record), ())
    if not any(record.values.get(column) for column in columns):
        return []
    unknown = words.say("record_unknown")
    return [
        words.say("record", name=record.name, column=column, value=record.values.get(column) or unknown)
        for column in columns
    ]


def _which(words: Phrases, book: RecordBook, about: Focus, *, times: int) -> TurnResult:
    choices = []
    for record in about.records[:CHOICES]:
        columns = words.say("between_columns").join(about.columns.get(book.table_of(record), ()))
        label = words.say("record_choice", name=record.name, columns=columns)
        choices.append(Choice(record.passage.id, shorten(label, LABEL)))
    tainted = any(record.passage.kind != "entry" for record in about.records[:CHOICES])
    return replace(which_of(words, tuple(choices), times=times, confidence=0.5), tainted=tainted)


def _compared(words: Phrases, book: RecordBook, about: Focus, text: str) -> str:
    """Return which of several has the least or most of the one number asked for; empty if none was asked for."""
    folded, asking = fold(text), lexicon()
    columns = {column for record in about.records for column in about.columns.get(book.table_of(record), ())}
    lowest = any(word in folded for word in asking.least)
    if len(columns) != 1 or not (lowest or any(word in folded for word in asking.most)):
        return ""
    column = columns.pop()
    numbers = {}
    for record in about.records:
        found = _NUMBER.findall(record.values.get(column, ""))
        if len(found) != 1:
            return ""
        numbers[record] = float(found[0])
    best = (min if lowest else max)(numbers.values())
    names = words.say("between").join(record.name for record, number in numbers.items() if number == best)
    return words.say("lowest" if lowest else "highest", column=column, names=names)
