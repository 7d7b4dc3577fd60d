"""Single entries, as passages of the table that they are put in."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from ai_worker.knowledge.base_name import check_base
from ai_worker.knowledge.desk import Entry
from ai_worker.knowledge.ingest.refusals import DuplicateRow
from ai_worker.knowledge.ingest.rows import row_of
from ai_worker.knowledge.keeping import OPEN
from ai_worker.knowledge.passage import ENTRIES, Passage


def passages_of(entries: Sequence[Entry | Mapping[str, object]], base: str) -> list[Passage]:
    """Return entries as passages of the table that single entries are put in.

    Raises:
        BadBaseName: `base` cannot be the name of a knowledge base.
        RowRefused: An entry lacks something, or two have the same id; the words say which.
    """
    check_base(base)
    passages: dict[str, Passage] = {}
    for number, entry in enumerate(entries, 1):
        values = asdict(entry) if isinstance(entry, Entry) else entry
        keeping = (entry.keeping if isinstance(entry, Entry) else None) or OPEN
        row = row_of(values, f"entry {number}", ENTRIES)
        if row.id in passages:
            raise DuplicateRow(f"entry {number}: the id {row.id!r} is that of an earlier entry, too")
        passages[row.id] = Passage(row.id, base, ENTRIES, row.kind, row.title, row.text, row.aliases, keeping=keeping)
    return list(passages.values())
