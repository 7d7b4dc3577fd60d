"""PDF documents."""

import re
from typing import Any

from ai_worker.foundation.text import shorten
from ai_worker.knowledge.ingest.outline import Outline
from ai_worker.knowledge.ingest.parsed import Parsed, Refusal
from ai_worker.knowledge.ingest.refusals import DocumentRefused, Encrypted, NoTextLayer

PASSWORD_ERROR = 4
"""FPDF_ERR_PASSWORD in PDFium's fpdfview.h."""

_WRITTEN_WITH = re.compile(r"^Microsoft (?:Word|Excel|PowerPoint) - |\.(?:docx?|xlsx?|pptx?|wps|pdf)$", re.IGNORECASE)
_NO_TITLE = re.compile(
    r"\W*(?:untitled|无标题|未命名|anonymous|(?:document|文档|新建.*文档|presentation|演示文稿|幻灯片)\s*\d*)?[\W\d]*",
    re.IGNORECASE,
)
_ENDS = re.compile(r"[。！？；：.!?;:]$")
_HAN_OR_PUNCTUATION = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")


def read_pdf(title: str, content: bytes) -> Parsed:
    """Read the text of each page; a passage never spans two. Pages that cannot be read are left out and named.

    Raises:
        Encrypted: It cannot be opened without a password.
        NoTextLayer: It has pages, but no text on them.
        DocumentRefused: It is no PDF.
    """
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == PASSWORD_ERROR or "password" in str(error).lower():
            raise Encrypted("The document has a password") from error
        raise DocumentRefused(f"The file is not a PDF document that can be opened: {error}") from error
    outline = Outline(named(document.get_metadata_value("Title")) or title)
    left_out = [refused for number in range(len(document)) if (refused := _read_page(document, number, outline))]
    pieces = outline.pieces()
    if pieces:
        return Parsed(outline.title, pieces, refused_rows=tuple(left_out))
    if left_out and all(refused.code == DocumentRefused.code for refused in left_out):
        raise DocumentRefused(f"None of its {len(document)} pages can be read")
    raise NoTextLayer(f"The {len(document)} pages hold pictures, but no text")


def _read_page(document: Any, number: int, outline: Outline) -> Refusal | None:
    """Read one page; return why it was left out, if it was."""
    import pypdfium2

    place = f"第 {number + 1} 页"
    try:
        page = document[number]
        text_page = page.get_textpage()
        text = text_page.get_text_range()
        pictures = not text.strip() and any(page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE], max_depth=2))
        text_page.close()
        page.close()
    except pypdfium2.PdfiumError as error:
        return Refusal(DocumentRefused.code, f"The page is damaged: {error}", place)
    for paragraph in paragraphs(text):
        outline.paragraph(paragraph, place)
    return Refusal(NoTextLayer.code, "The page is a picture without text", place) if pictures else None


def named(title: str) -> str:
    """Return the title that a PDF has in its metadata; empty if it is one that a program put there."""
    title = shorten(_WRITTEN_WITH.sub("", title), 120)
    return "" if _NO_TITLE.fullmatch(title) else title


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a page: lines that the typesetter broke are joined again."""
    found = [""]
    for line in text.replace("\r\n", "\n").replace("\ufffe", "").split("\n"):
        line = line.strip()
        if not line or _ENDS.search(found[-1]):
            found.append(line)
        else:
            together = not found[-1] or _HAN_OR_PUNCTUATION.match(line[0] + found[-1][-1])
            found[-1] += line if together else f" {line}"
    return [paragraph for paragraph in found if paragraph]
