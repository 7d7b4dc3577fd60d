"""Tables: CSV, JSONL and XLSX. With the columns of a FAQ they are entries, otherwise text by rows."""

import csv
import datetime
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace

import msgspec

from ai_worker.foundation.text import clean
from ai_worker.knowledge.ingest.encoding import check_whole, decode
from ai_worker.knowledge.ingest.outline import LONGEST, PIECES, SEPARATOR, cut
from ai_worker.knowledge.ingest.parsed import Parsed, Piece, Refusal
from ai_worker.knowledge.ingest.refusals import CutOff, DocumentRefused, Encrypted, RowRefused, TooCostly
from ai_worker.knowledge.ingest.rows import COLUMNS, TEXT_CHARACTERS, column_of, id_by_question, rows_of
from ai_worker.knowledge.records.row import written

Sheet = Sequence[Sequence[str]]


def read_csv(title: str, content: bytes, document: str) -> Parsed:
    """Read a CSV table. A cell is text, whatever it begins with: formulas are never worked out."""
    text = decode(content)
    head = text.split("\n", 1)[0]
    delimiter = max(",\t;", key=head.count)  # Excel writes tabs into "Unicode text", and ; in some countries
    csv.field_size_limit(TEXT_CHARACTERS * 4)
    _check_end(text, delimiter)
    try:
        sheet = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise DocumentRefused(f"The file is not a CSV table: {error}") from error
    return _read_sheets(title, [("", sheet)], document)


def _check_end(text: str, delimiter: str) -> None:
    """Make sure that a table's last quoted cell is closed; otherwise all that follows a quote is one cell.

    Raises:
        CutOff: It is not.
    """
    try:
        for _ in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            pass
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            raise CutOff("The table ends inside a quoted cell") from error


def read_jsonl(title: str, content: bytes, document: str) -> Parsed:
    """Read rows that are one JSON object each."""
    refused: list[Refusal] = []

    def numbered() -> Iterator[tuple[str, dict[str, object]]]:
        for number, line in enumerate(decode(content).split("\n"), 1):
            if not line.strip():
                continue
            try:
                yield f"line {number}", msgspec.json.decode(line, type=dict[str, object])
            except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
                reason = f"line {number} is not a JSON object: {error}"
                refused.append(Refusal(RowRefused.code, reason, f"第 {number} 行"))

    rows, unusable = rows_of(numbered(), document)
    return Parsed(title, rows=tuple(rows), refused_rows=(*refused, *unusable))


def read_xlsx(title: str, content: bytes, document: str) -> Parsed:
    """Read a workbook's visible sheets; a formula counts as the value that was saved with it.

    Raises:
        Encrypted: It has a password.
        DocumentRefused: It is no workbook.
    """
    import python_calamine as calamine

    try:
        book = calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
        shown = [sheet.name for sheet in book.sheets_metadata if sheet.visible == calamine.SheetVisibleEnum.Visible]
    except calamine.PasswordError as error:
        raise Encrypted("The workbook has a password") from error
    except calamine.CalamineError as error:
        check_whole(content)
        raise DocumentRefused(f"The file is not a workbook that can be opened: {error}") from error
    sheets: list[tuple[str, Sheet]] = []
    broken: list[Refusal] = []
    for name in shown:
        try:
            rows = book.get_sheet_by_name(name).to_python(False)
        except calamine.CalamineError as error:
            broken.append(Refusal(DocumentRefused.code, f"The sheet cannot be read: {error}", f"表 {name}"))
        else:
            sheets.append((name, [[_cell(value) for value in row] for row in rows]))
    parsed = _read_sheets(title, sheets, document)
    return replace(parsed, refused_rows=(*broken, *parsed.refused_rows))


def _read_sheets(title: str, sheets: Sequence[tuple[str, Sheet]], document: str) -> Parsed:
    pieces: list[Piece] = []
    numbered: list[tuple[str, dict[str, object]]] = []
    for name, sheet in sheets:
        start = next((at for at, row in enumerate(sheet) if any(cell.strip() for cell in row)), None)
        if start is None:
            continue
        header = [clean(cell) for cell in sheet[start]]
        named = [column_of(cell) for cell in header]
        body = [(number, row) for number, row in enumerate(sheet[start + 1 :], start + 2) if any(map(str.strip, row))]
        if set(named) >= COLUMNS:
            place = f"sheet {name!r} " if name else ""
            numbered += [(f"{place}row {number}", _entry(named, row, document)) for number, row in body]
        else:
            where = SEPARATOR.join(part for part in (title, name) if part)
            pieces += _by_rows(where, f"表 {name}!A" if name else "第 {} 行", header, body)

    rows, refused = rows_of(numbered, document)
    if len(pieces) > PIECES:
        raise TooCostly(f"The document has more than {PIECES} passages")
    return Parsed(title, tuple(pieces), tuple(rows), tuple(refused))


def _entry(named: Sequence[str], row: Sequence[str], document: str) -> dict[str, object]:
    values: dict[str, object] = dict(zip(named, row, strict=False))
    if "id" not in named:
        values["id"] = id_by_question(str(values.get("question", "")), document)
    return values


def _by_rows(title: str, locator: str, header: list[str], body: list[tuple[int, Sequence[str]]]) -> Iterator[Piece]:
    """Yield one piece a row, or several where it is long."""
    for number, row in body or [(1, header)]:
        text = written(header if body else [""] * len(header), row)
        where = locator.format(number) if "{}" in locator else f"{locator}{number}"
        for part in cut(text, LONGEST):
            yield Piece(title, where, part)


def _cell(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ", "minutes") if value.time() != datetime.time() else value.date().isoformat()
    return str(value)
