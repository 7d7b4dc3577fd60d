"""The records of an installation: what a text names, and which attributes it asks for."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

from ai_worker.foundation.text import fold
from ai_worker.knowledge import terms
from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.records.lexicon import lexicon
from ai_worker.knowledge.records.naming import READ, Mention, Names, squashed
from ai_worker.knowledge.records.table import Record, Table

REMEMBERED = 2_048
"""Texts whose names are remembered: a conversation's history is read again at every turn."""

HINT = 2
"""Characters of a name that a text must share to hint at it."""

PART = 2
"""Characters that a word must have to name a record."""

FEW = 8
"""Records whose names may share a word that names them in part."""

LEANING = 12
"""Characters up to which a text that names nothing may ask for a column by the kind of thing in it: `谁签的`."""

POINTING = 5
"""Characters right before an attribute among which a pronoun says whose it is."""

_CLAUSES = re.compile(r"[，,。！!？?；;\n]")
_LATIN = re.compile(r"[a-z0-9 \-]+")


class RecordBook:
    """All tables of records. It never changes; new knowledge makes a new one."""

    def __init__(self, tables: Sequence[Table]) -> None:
        self.tables = tuple(tables)
        self._names = Names(record for table in tables for record in table.records)
        self._table_of = {record: table for table in tables for record in table.records}
        self._by_passage = {(record.passage.base, record.passage.id): record for record in self._table_of}
        self._ways: dict[str, list[tuple[Table, str]]] = defaultdict(list)
        for table in tables:
            for column, ways in table.columns.items():
                for way in ways:
                    self._ways[way if _LATIN.fullmatch(way) else squashed(way)].append((table, column))
        self._ways.pop("", None)
        self._latin = {way: re.compile(rf"\b{re.escape(way)}\b") for way in self._ways if _LATIN.fullmatch(way)}
        asked_by_kind = (
            (table, column, lexicon().kind_of_value(column)) for table in tables for column in table.columns
        )
        self._by_kind = [(table, column, kind) for table, column, kind in asked_by_kind if kind is not None]
        self._by_word: dict[str, list[Record]] = defaultdict(list)
        for record in self._table_of:
            for word in set(terms.words(fold(record.name))):
                self._by_word[word].append(record)
        self.mentioned = lru_cache(REMEMBERED)(self._names.mentioned)

    def __bool__(self) -> bool:
        return bool(self.tables)

    def suits(self, text: str) -> Callable[[Passage], bool]:
        """Return a test of passages: whether a row says something of what `text` asks, beside its columns' names.

        The rows of a table are so alike that a question which says little finds any of them. A passage
        that is no row suits every question.
        """
        words = terms.words(fold(text)[:READ])
        matter = [word for word in words if len(word) > 1 and word not in terms.FUNCTION_WORDS]

        def suit(passage: Passage) -> bool:
            record = self._by_passage.get((passage.base, passage.id))
            if record is None:
                return True
            kind = self._table_of[record].kind
            values = fold(" ".join((record.name, *record.values.values())))
            return any(word in values for word in matter if word != kind)

        return suit

    def table_of(self, record: Record) -> Table:
        """Return the table that a record stands in."""
        return self._table_of[record]

    def hinted(self, text: str, among: Iterable[Record]) -> Record | None:
        """Return the one record whose name shares most with `text`; `None` if none shares enough, or several do."""
        read = squashed(text)[:READ]
        lengths = {record: self._names.shared(read, record.name) for record in among}
        longest = max(lengths.values(), default=0)
        best = [record for record, length in lengths.items() if length == longest]
        return best[0] if longest >= HINT and len(best) == 1 else None

    def by_words(self, words: Iterable[str]) -> tuple[list[Record], list[str]]:
        """Return the few records whose names have the words, and which words those are.

        `碎纸机` names the one shredder among other things. A word that is in many names tells none
        apart. Of several words, the records that they have in common count, where there are any.
        """
        found: list[Record] = []
        telling: list[str] = []
        for word in words:
            having = self._by_word.get(word, ())
            if len(word) < PART or not 0 < len(having) <= FEW:
                continue
            common = [record for record in found if record in having]
            found = common or [*found, *having]
            telling.append(word)
        return list(dict.fromkeys(found)), telling

    def subject(self, text: str) -> str:
        """Return the noun that an attribute is asked of, right before the attribute: `碎纸机` of `碎纸机的价格`.

        Empty where there is none, or one that stands for any record: `这家店的电话`.
        """
        for clause in _CLAUSES.split(fold(text)[:READ]):
            ways = self._spans(squashed(clause), clause)
            starts = [at for way in ways if (at := clause.find(way)) >= 0]
            if starts and (noun := _last_noun(clause[: min(starts)])) and not any(noun in way for way in self._ways):
                return noun
        return ""

    def kinds(self, text: str) -> list[Table]:
        """Return the tables whose kind of thing `text` speaks of: `这家门店` of branches."""
        words = fold(text)
        return [table for table in self.tables if table.kind and table.kind in words]

    def asked(self, text: str, mentions: Iterable[Mention] = ()) -> Mapping[Table, list[str]]:
        """Return the attributes that `text` asks for, by table, in the order of the table.

        Args:
            text: The question.
            mentions: What it names: an attribute's word in a name asks for nothing.
        """
        words, named = list(squashed(text)[:READ]), False
        for mention in mentions:
            words[mention.start : mention.end] = "\0" * (mention.end - mention.start)
            named = True
        beside = "".join(words)
        spans = self._spans(beside, fold(text)[:READ])
        found: dict[Table, list[tuple[str, str]]] = defaultdict(list)
        for way in spans:
            for table, column in self._ways[way]:
                found[table].append((way, column))
        by_kind = self._asked_by_kind(beside) if named or len(words) <= LEANING else {}
        bare = lexicon().question_words
        by_way = {
            table: _columns(table, pairs, squashed(text))
            for table, pairs in found.items()
            if table not in by_kind or any(way not in bare for way, _ in pairs)
        }
        return {**by_kind, **by_way}

    def _asked_by_kind(self, text: str) -> Mapping[Table, list[str]]:
        """Return the columns that a question word asks for by the kind of thing in them, those said most of."""
        found: dict[Table, list[tuple[int, str]]] = defaultdict(list)
        for table, column, kind in self._by_kind:
            if said := kind.said(text):
                found[table].append((said, column))
        most = {table: max(said for said, _ in pairs) for table, pairs in found.items()}
        return {table: [column for said, column in pairs if said == most[table]] for table, pairs in found.items()}

    def _spans(self, squashed_text: str, folded: str) -> list[str]:
        """Return the ways to ask that stand in a text, without those that are part of a longer one there."""
        standing: list[tuple[int, int, str]] = []
        for way in self._ways:
            if (latin := self._latin.get(way)) is not None:
                if way in folded and latin.search(folded):
                    standing.append((-1, -1, way))
                continue
            at = squashed_text.find(way)
            while at >= 0:
                standing.append((at, at + len(way), way))
                at = squashed_text.find(way, at + 1)
        return list(
            dict.fromkeys(
                way
                for start, end, way in standing
                if start < 0
                or not any(
                    other_start <= start and end <= other_end and other_end - other_start > end - start
                    for other_start, other_end, _ in standing
                )
            )
        )


def _columns(table: Table, pairs: Sequence[tuple[str, str]], text: str) -> list[str]:
    """Return the columns asked for; of those that one way asks for, the ones whose headings say most of it."""
    chosen: set[str] = set()
    by_way: dict[str, list[str]] = defaultdict(list)
    for way, column in pairs:
        by_way[way].append(column)
    for columns in by_way.values():
        said = {column: _said(column, text) for column in columns}
        chosen.update(column for column in columns if said[column] == max(said.values()))
    return [column for column in table.columns if column in chosen]


def _last_noun(text: str) -> str:
    """Return the noun at the end of a text, or a verb in its place, as in `投诉电话`; empty if there is none."""
    if lexicon().pronouns.search(text[-POINTING:]):
        return ""
    words = terms.tagged(text)
    for place, (word, tag) in reversed(list(enumerate(words))):
        if tag[0] in "nbjil" or tag in ("vn", "eng"):
            return "" if word in lexicon().generic else word
        if tag[0] == "v" and len(word) > 1:
            return word if place == len(words) - 1 and word not in lexicon().asking else ""
    return ""


def _said(column: str, text: str) -> tuple[int, int]:
    """Return how many pairs, and how many single characters, of a heading a text has."""
    heading = squashed(column)
    pairs = sum(heading[at : at + 2] in text for at in range(len(heading) - 1))
    return pairs, sum(character in text for character in set(heading) - lexicon().faint)
