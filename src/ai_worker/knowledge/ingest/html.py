"""HTML pages, and DOCX by way of HTML."""

import io
import re
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ai_worker.foundation.text import shorten
from ai_worker.knowledge.ingest.encoding import check_whole, decode
from ai_worker.knowledge.ingest.outline import Outline
from ai_worker.knowledge.ingest.parsed import Parsed
from ai_worker.knowledge.ingest.refusals import DocumentRefused, Encrypted, UnknownEncoding

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

SKIPPED = frozenset(("script", "style", "noscript", "template", "nav", "svg", "head", "button", "select", "iframe"))
_INLINE = """
a abbr b bdi bdo cite code data del dfn em font i ins kbd label mark q s samp small span strike strong sub sup time tt
u var wbr
"""
INLINE = frozenset(_INLINE.split())
CELLS = frozenset(("td", "th"))
_HEADING = re.compile(r"h[1-6]")
_CHARSET = re.compile(rb"<meta[^>]+charset=[\"']?\s*([\w-]+)", re.IGNORECASE)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def read_html(title: str, content: bytes) -> Parsed:
    """Read a page: headings make sections, block elements paragraphs, table rows one line each."""
    return _outline(title, _decode(content))


def read_docx(title: str, content: bytes) -> Parsed:
    """Read a Word document by its styles; pictures are left out and nothing outside it is opened.

    Raises:
        Encrypted: It has a password, which makes it an OLE container, as old `.doc` files are.
        DocumentRefused: It is no DOCX.
    """
    import mammoth

    if content.startswith(_OLE):
        raise Encrypted("The document has a password, or is an old .doc file under another name")
    try:
        page = mammoth.convert_to_html(io.BytesIO(content), convert_image=mammoth.images.img_element(lambda _: {}))
    except (zipfile.BadZipFile, KeyError) as error:
        check_whole(content)
        raise DocumentRefused(f"The file is not a DOCX document: {error}") from error
    return _outline(title, page.value)


def _decode(content: bytes) -> str:
    declared = _CHARSET.search(content[:4096])
    if declared and not content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        name = declared.group(1).decode()
        try:
            return content.decode("gb18030" if name.lower() in ("gb2312", "gbk") else name)
        except (LookupError, UnicodeDecodeError) as error:
            raise UnknownEncoding(f"The page says that it is {name}, and is not") from error
    return decode(content)


def _outline(title: str, page: str) -> Parsed:
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(page)
    if tree.root is None:
        return Parsed(title)
    if (named := tree.css_first("head > title")) is not None:
        title = shorten(named.text(), 120) or title
    outline = Outline(title)
    line: list[str] = []
    for tag, text in _events(tree.root):
        if tag == "text":
            line.append(text)
        elif tag in CELLS:
            line.append(" | ")
        else:
            written = re.sub(r"\s+", " ", "".join(line)).strip(" |")
            line = []
            if _HEADING.fullmatch(tag):
                outline.heading(int(tag[1]), written)
            else:
                outline.paragraph(written)
    return Parsed(outline.title, outline.pieces())


def _events(root: "LexborNode") -> Iterator[tuple[str, str]]:
    """Yield texts, and the tag at the beginning and end of each block and cell, in reading order.

    Blocks inside a table's cell are not told: a row is one line. Not recursive, for pages nest deeply.
    """
    waiting: list[tuple[LexborNode | str, bool]] = [(root, False)]
    while waiting:
        node, in_cell = waiting.pop()
        if isinstance(node, str):
            yield node, ""
            continue
        tag = node.tag or ""
        if tag == "-text":
            yield "text", node.text(deep=False)
        if tag in SKIPPED or tag.startswith("-"):
            continue
        if tag in CELLS:
            in_cell = True
            waiting.append((tag, in_cell))
        elif tag not in INLINE and in_cell:
            yield "text", " "
        elif tag not in INLINE:
            yield "block", ""
            waiting.append((tag, in_cell))
        children = list(node.iter(include_text=True))
        waiting += [(child, in_cell) for child in reversed(children)]
