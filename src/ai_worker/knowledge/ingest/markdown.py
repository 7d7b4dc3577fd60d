"""Markdown and plain text."""

import re

from ai_worker.knowledge.ingest.encoding import decode
from ai_worker.knowledge.ingest.outline import Outline
from ai_worker.knowledge.ingest.parsed import Parsed

_HEADING = re.compile(r"^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
_FENCE = re.compile(r"^ {0,3}(```+|~~~+)")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)


def read_markdown(title: str, content: bytes) -> Parsed:
    """Read Markdown: `#` headings make sections; code blocks and tables stay in one paragraph."""
    text = decode(content).replace("\r\n", "\n").replace("\r", "\n")
    text = _COMMENT.sub("", _FRONT_MATTER.sub("", text))
    outline = Outline(title)
    block: list[str] = []
    fence = ""
    for line in text.split("\n"):
        if mark := _FENCE.match(line):
            fence = "" if fence and mark.group(1).startswith(fence) else fence or mark.group(1)
        heading = None if fence else _HEADING.match(line)
        if heading or not (fence or line.strip()):
            outline.paragraph("\n".join(block))
            block = []
        elif line.strip():
            block.append(line.rstrip())
        if heading:
            outline.heading(len(heading.group(1)), heading.group(2))
    outline.paragraph("\n".join(block))
    return Parsed(outline.title, outline.pieces())


def read_text(title: str, content: bytes) -> Parsed:
    """Read plain text: paragraphs end at empty lines, or at every line if there are none."""
    text = decode(content).replace("\r\n", "\n").replace("\r", "\n").strip()
    outline = Outline(title)
    paragraphs = re.split(r"\n\s*\n", text) if re.search(r"\n\s*\n", text) else text.split("\n")
    for paragraph in paragraphs:
        outline.paragraph(paragraph)
    return Parsed(title, outline.pieces())
