"""The search index: a cache of the passages, on disk, that can always be built anew from the store.

It holds one tantivy document for each wording (question, alias, title) and one for each passage's
text, so that a long list of aliases does not dilute the one that matches. What it shows never
changes under a reader: a reader holds a `View`, and gets another one when there is news.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec
import tantivy

from ai_worker.knowledge import english, terms
from ai_worker.knowledge.keeping import Keeping
from ai_worker.knowledge.language.meaning import MARK, lexicon
from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.records.row import is_row
from ai_worker.knowledge.retrieve import Reader
from ai_worker.knowledge.spelling import spellings
from ai_worker.knowledge.text_fit import Text
from ai_worker.knowledge.wording import Wording

Field = Literal["asked", "told"]
"""`asked`: questions, aliases and titles. `told`: approved answers and the text of passages."""

QUERY_TERMS = 24
"""The rarest terms of a question that are looked up; commoner ones cost time and find little else."""

LARGE = 50_000
"""With this many documents in the index, even rare terms are in many of them,"""

QUERY_TERMS_OF_LARGE = 16
"""and fewer of them are looked up."""

MATTER_ENOUGH = 3
"""With so many terms that are no function words, those alone find the candidates, in half the time."""

UNHEARD_OF = 1.0
"""The weight of a term that nothing contains."""

ASKING_SHARE = 0.5
"""What the meaning of a question word counts."""

FUNCTION_SHARE = 0.25
"""What a function word counts, compared with another word that is as rare."""

ACROSS_SHARE = 0.5
"""What a pair counts that a function word is one half of: it says little more than its other half."""

WEIGHTS_KEPT = 100_000
REVISION = "revision"
WHOLE = "whole"
ROW = "row"
SEVERAL, SINGLE = "several", "single"
"""What the field `part` says of an entry, beside its key: whether it may be asked for in several wordings."""

RESTRICTED, DATED = "restricted", "dated"
"""What the field `terms` says beside departments, which all have `/` before them: as long as no passage has
one of the two, no search pays for the question."""


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


def key_of(base: str, passage_id: str) -> str:
    """Return what a passage is known by in the index."""
    return f"{base}\x1f{passage_id}"


def schema() -> tantivy.Schema:
    """Return the fields of the index."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("key", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("answer", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("base", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("part", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("asked", tokenizer_name="whitespace", index_option="freq")
    builder.add_text_field("told", tokenizer_name="whitespace", index_option="freq")
    builder.add_bytes_field("body", stored=True)
    builder.add_bytes_field("plain", stored=True)
    builder.add_text_field("terms", tokenizer_name="raw", index_option="basic")
    builder.add_integer_field("effective", indexed=True)
    builder.add_integer_field("expires", indexed=True)
    return builder.build()


def wordings(passage: Passage) -> list[str]:
    """Return how a passage may be asked for: question and aliases, or its title and last heading."""
    if passage.kind == "entry":
        found = [passage.title, *passage.aliases]
    else:
        found = [passage.title, passage.title.rpartition(" › ")[2]]
    return list(dict.fromkeys(wording for wording in found if wording))


def telling(passage: Passage) -> Text:
    """Return the text by which an answer or a passage is found: a passage's title belongs to it."""
    return Text("" if passage.kind == "entry" else terms.plain(passage.title), terms.plain(passage.text))


def documents(passage: Passage) -> list[tantivy.Document]:
    """Return what the index holds of a passage."""
    key = key_of(passage.base, passage.id)
    whole = tantivy.Document()
    whole.add_text("part", f"{WHOLE}\x1f{key}")
    if passage.kind == "passage" and is_row(passage.locator):
        whole.add_text("part", ROW)
    whole.add_text("part", WHOLE)
    told = telling(passage)
    whole.add_text("told", " ".join(terms.told_terms(told.whole)))
    whole.add_bytes("body", msgspec.json.encode(passage))
    whole.add_bytes("plain", msgspec.msgpack.encode(told))
    made = [whole]
    ways = wordings(passage)
    if passage.kind == "entry":
        whole.add_text("part", SEVERAL if len(ways) > 1 else SINGLE)
    for way in ways:
        wording = Wording.of(way)
        document = tantivy.Document()
        found_by = [*wording.asked, *wording.meanings, *spellings(terms.plain(way))]
        document.add_text("asked", " ".join(found_by))
        document.add_bytes("body", msgspec.msgpack.encode((len(ways), passage.kind != "entry", wording)))
        made.append(document)
    for document in made:
        document.add_text("key", key)
        document.add_text("answer", passage.answer_id)
        document.add_text("base", passage.base)
        _add_conditions(document, passage.keeping)
    return made


def _add_conditions(document: tantivy.Document, keeping: Keeping) -> None:
    if keeping.departments:
        document.add_text("terms", RESTRICTED)
    for department in keeping.departments:
        document.add_text("terms", f"/{department}")
    if keeping.effective_at or keeping.expires_at:
        document.add_text("terms", DATED)
    if keeping.effective_at:
        document.add_integer("effective", math.ceil(keeping.effective_at.timestamp()))
    if keeping.expires_at:
        document.add_integer("expires", math.ceil(keeping.expires_at.timestamp()))


@dataclass(frozen=True, slots=True)
class Standing:
    """Which of the store the index holds."""

    revision: int
    """Every change up to this one."""

    built: int
    """The store's revision from which it was built anew: what was gone by then was never written to its files."""


def revision_document(standing: Standing) -> tantivy.Document:
    """Return the one document that says which revision of the store the index holds."""
    document = tantivy.Document()
    document.add_text("part", REVISION)
    document.add_bytes("body", msgspec.json.encode(standing))
    return document


class Weights(dict[str, float]):
    """How informative each term is: 1 for one that nothing contains, towards 0 for the commonest.

    It is the inverse document frequency on a scale of the index's own size, so that figures made
    from it mean the same for 60 entries and for 100,000. Looked up once, then remembered.
    """

    def __init__(self, searcher: tantivy.Searcher, field: Field) -> None:
        super().__init__()
        self._searcher = searcher
        self._field = field
        self._total = max(1, searcher.doc_freq("part", WHOLE) if field == "told" else searcher.num_docs)
        self._asking = lexicon().asking

    def __missing__(self, term: str) -> float:
        frequency = self._searcher.doc_freq(self._field, term)
        weight = math.log1p(self._total / (frequency + 0.5)) / math.log1p(self._total / 0.5)
        if term.removeprefix(MARK) in terms.FUNCTION_WORDS:
            weight *= FUNCTION_SHARE
        elif term in self._asking:
            weight *= ASKING_SHARE
        elif self._field == "asked" and len(term) == 2 and not terms.FUNCTION_WORDS.isdisjoint(term):
            weight *= ACROSS_SHARE
        if len(self) >= WEIGHTS_KEPT:
            self.clear()
        self[term] = weight
        return weight

    def of(self, wanted: Iterable[str]) -> float:
        """Return the weight of several terms. Exact summation: the order of a set must not show."""
        return math.fsum(map(self.__getitem__, wanted))


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
