"""The search index: a cache of the passages, on disk, that can always be built anew from the store.

It holds one tantivy document for each wording (question, alias, title) and one for each passage's
text, so that a long list of aliases does not dilute the one that matches. `view` reads it.
"""

import math
from dataclasses import dataclass

import msgspec
import tantivy

from ai_worker.knowledge import terms
from ai_worker.knowledge.keeping import Keeping
from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.records.row import is_row
from ai_worker.knowledge.spelling import spellings
from ai_worker.knowledge.text_fit import Text
from ai_worker.knowledge.wording import Wording

REVISION = "revision"
WHOLE = "whole"
ROW = "row"
SEVERAL, SINGLE = "several", "single"
"""What the field `part` says of an entry, beside its key: whether it may be asked for in several wordings."""

RESTRICTED, DATED = "restricted", "dated"
"""What the field `terms` says beside departments, which all have `/` before them: as long as no passage has
one of the two, no search pays for the question."""


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
