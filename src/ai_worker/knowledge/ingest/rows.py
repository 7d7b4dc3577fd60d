"""Rows of tables: questions with approved answers, or texts with an id of their own."""

import re
from collections.abc import Iterable, Mapping

from ai_worker.foundation.text import clean, shorten
from ai_worker.knowledge.ingest.parsed import Refusal, Row
from ai_worker.knowledge.ingest.refusals import DuplicateRow, RowRefused

COLUMNS = frozenset(("question", "answer"))
"""A sheet that has these columns is a table of entries; `id` and `aliases` may be missing."""

HEADINGS = {
    "编号": "id",
    **dict.fromkeys(("问题", "问法", "标准问", "标准问题", "标准问法"), "question"),
    **dict.fromkeys(("相似问", "相似问题", "相似问法", "其他问法", "别的问法", "扩展问", "扩展问法"), "aliases"),
    **dict.fromkeys(("答案", "回答", "标准答案"), "answer"),
}
"""What the tables of companies and of other products head these columns with. 序号 is not here: it counts the rows of
one file, so two files would claim the same entries."""

_BETWEEN_ALIASES = re.compile(r"[|｜\n]")

_WHERE = re.compile(r"(?:sheet '(.*)' )?(?:row|line) (\d+)")

ID_CHARACTERS = 200
WORDING_CHARACTERS = 1_000
TEXT_CHARACTERS = 100_000
ALIASES = 2_000


def row_of(values: Mapping[str, object], where: str, document: str) -> Row:
    """Return a row with the keys `id, question, aliases, answer` or `id, title, text`.

    Args:
        values: The row as it was read; keys that mean nothing here are ignored.
        where: What to call it in an error: `row 7`.
        document: The table's id; a row's id must not look like the id of a document's passage.

    Raises:
        RowRefused: It lacks something, or something is too long.
    """
    own = _text(values, "id", where, ID_CHARACTERS)
    if not own or "\n" in own:
        raise RowRefused(f"{where} has no id; every row needs one, on one line")
    where = f"{where} (id {shorten(own, 40)!r})"
    if own.startswith(f"{document}#"):
        raise RowRefused(f"{where}: an id must not begin with the file's name and '#', passages are named so")
    text = _text(values, "answer", where, TEXT_CHARACTERS) or _text(values, "text", where, TEXT_CHARACTERS)
    if not text:
        raise RowRefused(f"{where} has no answer")
    aliases = _aliases(values.get("aliases"), where)
    if question := _text(values, "question", where, WORDING_CHARACTERS):
        return Row(own, "entry", question, text, tuple(alias for alias in aliases if alias != question))
    if aliases:
        return Row(own, "entry", aliases[0], text, aliases[1:])
    return Row(own, "passage", _text(values, "title", where, WORDING_CHARACTERS), text)


def rows_of(numbered: Iterable[tuple[str, Mapping[str, object]]], document: str) -> tuple[list[Row], list[Refusal]]:
    """Return the rows that can be taken and why the others cannot; of two with one id the first is."""
    rows: list[Row] = []
    refused: list[Refusal] = []
    taken: dict[str, str] = {}
    for where, values in numbered:
        try:
            row = row_of(values, where, document)
            if row.id in taken:
                raise DuplicateRow(f"{where}: the id {row.id!r} is already that of {taken[row.id]}, which was kept")
        except RowRefused as error:
            refused.append(Refusal(error.code, str(error), place_of(where)))
        else:
            taken[row.id] = where
            rows.append(row)
    return rows, refused


def place_of(where: str) -> str:
    """Return where a row stands as citations say it: `sheet '价格' row 4` is `表 价格 第 4 行`."""
    found = _WHERE.fullmatch(where)
    return "" if found is None else f"{f'表 {found[1]} ' if found[1] else ''}第 {found[2]} 行"


def column_of(heading: str) -> str:
    """Return what a column holds: one of the keys of `row_of`, or its heading where it is none of them."""
    return HEADINGS.get(heading, heading.lower())


def id_by_question(question: str, document: str) -> str:
    """Return the id of a row of a table without ids: the same when the file is added again in another order.

    It is empty where there is no question; such a row is refused.
    """
    asked = " ".join(question.split())
    return f"{document}:{asked}"[:ID_CHARACTERS] if asked else ""


def _text(values: Mapping[str, object], key: str, where: str, limit: int) -> str:
    value = values.get(key)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise RowRefused(f"{where}: {key!r} must be text")
    text = clean(str(value))
    if len(text) > limit:
        raise RowRefused(f"{where}: {key!r} is longer than {limit} characters")
    return text


def _aliases(value: object, where: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        found = _BETWEEN_ALIASES.split(value)
    elif isinstance(value, list | tuple) and all(isinstance(alias, str) for alias in value):
        found = list(value)
    else:
        raise RowRefused(f"{where}: 'aliases' must be text joined by '|', or a list of texts")
    aliases = tuple(dict.fromkeys(alias for alias in map(clean, found) if alias))
    if len(aliases) > ALIASES or any(len(alias) > WORDING_CHARACTERS for alias in aliases):
        raise RowRefused(f"{where}: at most {ALIASES} aliases of at most {WORDING_CHARACTERS} characters")
    return aliases
