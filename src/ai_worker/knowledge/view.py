"""The search index as it stood at one commit: what a reader finds in it.

It never changes under a reader, who gets another view when there is news. Terms are given, not words:
`terms` and `wording` make them.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import tantivy

from ai_worker.knowledge import english, terms
from ai_worker.knowledge.index import (
    DATED,
    RESTRICTED,
    REVISION,
    ROW,
    SEVERAL,
    SINGLE,
    WHOLE,
    Standing,
    key_of,
)
from ai_worker.knowledge.language.meaning import MARK
from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.retrieve import Reader
from ai_worker.knowledge.text_fit import Text
from ai_worker.knowledge.weights import UNHEARD_OF, Field, Weights
from ai_worker.knowledge.wording import Wording

QUERY_TERMS = 24
"""The rarest terms of a question that are looked up; commoner ones cost time and find little else."""

LARGE = 50_000
"""With this many documents in the index, even rare terms are in many of them,"""

QUERY_TERMS_OF_LARGE = 16
"""and fewer of them are looked up."""

MATTER_ENOUGH = 3
"""With so many terms that are no function words, those alone find the candidates, in half the time."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One wording, or one text, that shares terms with a question."""

    key: str
    """Base and id of its passage, as `key_of` joins them."""

    score: float
    """BM25: comparable within one search only."""

    answer: str
    """The `answer_id` of its passage."""

    wording: Wording | None
    """The wording; `None` for a text."""

    siblings: int
    """How many wordings its passage has."""

    titles: bool
    """Whether the wording is but the title of a document."""

    passage: Passage | None
    """The passage of a text; `None` for a wording."""

    text: Text | None
    """The text, ready for comparison; `None` for a wording."""


class View:
    """The index as it stood at one commit."""

    def __init__(self, index: tantivy.Index) -> None:
        """Look at the latest commit.

        Raises:
            ValueError: The index does not say which revision it holds.
        """
        self._schema = index.schema
        self._searcher = index.searcher()
        self._weights = {"asked": Weights(self._searcher, "asked"), "told": Weights(self._searcher, "told")}
        self._bases = {base for base, _ in self._searcher.terms_with_prefix("base", "")}
        bodies = self._bodies([REVISION])
        if not bodies:
            raise ValueError("the index does not say which revision it holds")
        standing = msgspec.json.decode(bodies[0], type=Standing)
        self.revision = standing.revision
        """The store's revision that this view shows; 0 shows nothing."""

        self.built = standing.built
        """The store's revision from which the index was built anew."""

        self.restricts = self._searcher.doc_freq("terms", RESTRICTED) > 0
        """Whether anything in it is for some departments alone."""

        self._dates = self._searcher.doc_freq("terms", DATED) > 0
        self._conditions: list[tuple[tantivy.Occur, tantivy.Query]] = []

    def for_reader(self, reader: Reader, moment: datetime) -> "View":
        """Return this view as somebody may read it at a moment: nothing else is found by its searches."""
        seen = copy(self)
        seen._conditions = [*self._hidden_from(reader), *self._out_of_effect(moment)]
        return seen

    def _hidden_from(self, reader: Reader) -> list[tuple[tantivy.Occur, tantivy.Query]]:
        readable = reader.readable
        if readable is None or not self.restricts:
            return []
        restricted = tantivy.Query.term_query(self._schema, "terms", RESTRICTED, index_option="basic")
        if not readable:
            return [(tantivy.Occur.MustNot, restricted)]
        theirs = tantivy.Query.term_set_query(self._schema, "terms", [f"/{path}" for path in sorted(readable)])
        not_theirs = [(tantivy.Occur.Must, restricted), (tantivy.Occur.MustNot, theirs)]
        return [(tantivy.Occur.MustNot, tantivy.Query.boolean_query(not_theirs))]

    def _out_of_effect(self, moment: datetime) -> list[tuple[tantivy.Occur, tantivy.Query]]:
        """Return queries for what is not yet in effect, and for what no longer is; to whole seconds."""
        if not self._dates:
            return []
        now, kind = math.floor(moment.timestamp()), tantivy.FieldType.Integer
        inside = {"use_inverted_index": True}  # only what has dates is looked at
        later = tantivy.Query.range_query(self._schema, "effective", kind, now, None, include_lower=False, **inside)
        over = tantivy.Query.range_query(self._schema, "expires", kind, None, now, **inside)
        return [(tantivy.Occur.MustNot, later), (tantivy.Occur.MustNot, over)]

    def search(self, field: Field, wanted: Sequence[str], *, bases: Sequence[str], limit: int) -> list[Hit]:
        """Return what shares terms with a question, the best BM25 score first."""
        return list(self.each(field, wanted, bases=bases, limit=limit))

    def each(self, field: Field, wanted: Sequence[str], *, bases: Sequence[str], limit: int) -> Iterator[Hit]:
        """Yield what `search` returns; what is not taken is not read."""
        chosen = self._chosen(field, wanted)
        if not chosen:
            return
        query = tantivy.Query.boolean_query(
            [
                (tantivy.Occur.Should, tantivy.Query.term_query(self._schema, field, term, index_option="freq"))
                for term in chosen
            ]
        )
        for score, address in self._seen(query, bases, limit):
            yield self._hit(field, score, address)

    def weighed(self, field: Field, wanted: Mapping[str, float], *, bases: Sequence[str], limit: int) -> list[Hit]:
        """Return what shares terms with a text, the best score first; each term counts as much as given."""
        query = tantivy.Query.boolean_query(
            [
                (
                    tantivy.Occur.Should,
                    tantivy.Query.boost_query(
                        tantivy.Query.term_query(self._schema, field, term, index_option="freq"), share
                    ),
                )
                for term, share in wanted.items()
            ]
        )
        return [self._hit(field, score, address) for score, address in self._seen(query, bases, limit)]

    def among(self, keys: Sequence[str], *, bases: Sequence[str]) -> list[Passage]:
        """Return those of the passages that a search in these bases may find."""
        if not keys:
            return []
        query = tantivy.Query.term_set_query(self._schema, "part", [f"{WHOLE}\x1f{key}" for key in keys])
        hits = [self._hit("told", score, address) for score, address in self._seen(query, bases, len(keys))]
        return [hit.passage for hit in hits if hit.passage is not None]

    def entries(self, *, several: bool, limit: int) -> list[Passage] | None:
        """Return all entries that may be asked for in several wordings, or in one; `None` if they are too many."""
        mark = SEVERAL if several else SINGLE
        if self._searcher.doc_freq("part", mark) > limit:
            return None
        query = tantivy.Query.term_query(self._schema, "part", mark, index_option="basic")
        found = self._searcher.search(query, max(1, limit), count=False).hits
        return [
            msgspec.json.decode(self._searcher.doc(address).get_first("body") or b"", type=Passage)
            for _, address in found
        ]

    def _seen(self, query: tantivy.Query, bases: Sequence[str], limit: int) -> list[tuple[float, tantivy.DocAddress]]:
        """Return what a query finds in these bases: whatever a question finds goes through here."""
        if "*" not in bases and not self._bases <= set(bases):
            inside = tantivy.Query.term_set_query(self._schema, "base", list(bases))
            query = tantivy.Query.boolean_query(
                [(tantivy.Occur.Must, tantivy.Query.const_score_query(inside, 0.0)), (tantivy.Occur.Must, query)]
            )
        if self._conditions:
            query = tantivy.Query.boolean_query([(tantivy.Occur.Must, query), *self._conditions])
        found: list[tuple[float, tantivy.DocAddress]] = self._searcher.search(query, limit, count=False).hits
        return found

    def passages(self, keys: Sequence[str]) -> dict[str, Passage]:
        """Return the passages that hits of this view belong to, by key."""
        bodies = self._bodies([f"{WHOLE}\x1f{key}" for key in keys]) if keys else []
        passages = [msgspec.json.decode(body, type=Passage) for body in bodies]
        return {key_of(passage.base, passage.id): passage for passage in passages}

    def rows(self, at_most: int) -> list[bytes] | None:
        """Return the passages that are rows of tables, encoded, in any order; `None` if there are more."""
        return self._bodies([ROW], at_most) if self._searcher.doc_freq("part", ROW) <= at_most else None

    def speaks_of(self, name: str) -> bool:
        """Return whether a name stands in any wording or text, as far as its pairs of characters tell."""
        pairs = terms.bigrams(name) or [english.stem(name)]
        return any(all(self._searcher.doc_freq(field, pair) for pair in pairs) for field in self._weights)

    def has(self, term: str) -> bool:
        """Return whether any wording has the term."""
        return self._searcher.doc_freq("asked", term) > 0

    def written(self, key: str) -> list[tuple[str, int]]:
        """Return what is written for a sound or for initials, and in how many wordings."""
        return [(term.removeprefix(key), often) for term, often in self._searcher.terms_with_prefix("asked", key)]

    def weights(self, field: Field) -> "Weights":
        """Return how informative each term is in a field."""
        return self._weights[field]

    def _chosen(self, field: Field, wanted: Sequence[str]) -> list[str]:
        """Return the rarest of the terms that stand anywhere."""
        weights = self._weights[field]
        present = [term for term in dict.fromkeys(wanted) if weights[term] < UNHEARD_OF]
        matter = [term for term in present if term.removeprefix(MARK) not in terms.FUNCTION_WORDS]
        if len(matter) < MATTER_ENOUGH:
            matter = present
        most = QUERY_TERMS if self._searcher.num_docs < LARGE else QUERY_TERMS_OF_LARGE
        return sorted(matter, key=lambda term: (-weights[term], term))[:most]

    def _hit(self, field: Field, score: float, address: tantivy.DocAddress) -> Hit:
        document: Any = self._searcher.doc(address)
        first = document.get_first
        if field == "told":
            passage = msgspec.json.decode(first("body"), type=Passage)
            text = msgspec.msgpack.decode(first("plain"), type=Text)
            return Hit(first("key"), score, first("answer"), None, 0, False, passage, text)
        siblings, titles, wording = msgspec.msgpack.decode(first("body"), type=tuple[int, bool, Wording])
        return Hit(first("key"), score, first("answer"), wording, siblings, titles, None, None)

    def _bodies(self, parts: Sequence[str], at_most: int = 0) -> list[bytes]:
        query = tantivy.Query.term_set_query(self._schema, "part", list(parts))
        found = self._searcher.search(query, max(1, at_most or len(parts)), count=False).hits
        return [self._searcher.doc(address).get_first("body") or b"" for _, address in found]
