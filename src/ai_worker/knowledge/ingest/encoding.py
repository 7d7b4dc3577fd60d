"""Text files: which encoding they are in, or a refusal. Never a guess that turns text to noise."""

import codecs

from ai_worker.knowledge.ingest.refusals import CutOff, UnknownEncoding

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
DIRECTORY_BYTES = 22 + 65_535
"""How far from an archive's end the last part of its directory begins at most (APPNOTE.TXT 4.3.16)."""

COMMON_SHARE = 0.85
"""Of the Chinese characters in real GB18030 text nearly all are in GB2312. Big5 or Latin-1 that is
read as GB18030 comes out as rare characters instead."""


def decode(content: bytes) -> str:
    """Return the text of a file in UTF-8, UTF-16, UTF-32 (by their marks) or GB18030.

    Raises:
        UnknownEncoding: It is none of these.
        CutOff: It is UTF-8 and ends in the middle of a character.
    """
    for mark, name in _MARKS:
        if content.startswith(mark):
            return _exactly(content[len(mark) :], name)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start and error.end == len(content) and error.reason == "unexpected end of data":
            raise CutOff("The text ends in the middle of a character") from error
    if (unmarked := _unmarked_utf16(content)) is not None:
        return _exactly(content, unmarked)
    text = _exactly(content, "gb18030")
    foreign = [character for character in text if not character.isascii()]
    common = sum(1 for character in foreign if _in_gb2312(character))
    if common < COMMON_SHARE * len(foreign):
        raise UnknownEncoding("The text is neither UTF-8, UTF-16 nor GB18030")
    return text


def check_whole(content: bytes) -> None:
    """Make sure that an archive's directory, which stands at its end, is there; DOCX and XLSX are archives.

    Raises:
        CutOff: It begins as an archive and has no end.
    """
    if content.startswith(b"PK\x03\x04") and b"PK\x05\x06" not in content[-DIRECTORY_BYTES:]:
        raise CutOff("The file ends before its directory")


def _exactly(content: bytes, name: str) -> str:
    try:
        return content.decode(name)
    except UnicodeDecodeError as error:
        raise UnknownEncoding(f"The text is not valid {name.upper()}, byte {error.start} breaks it") from error


def _unmarked_utf16(content: bytes) -> str | None:
    """Return which UTF-16 it is, judged by the zero bytes of its ASCII characters; `None` if neither."""
    sample = content[:4096]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if odd > 4 * even and odd * 20 > len(sample):
        return "utf-16-le"
    if even > 4 * odd and even * 20 > len(sample):
        return "utf-16-be"
    return None


def _in_gb2312(character: str) -> bool:
    try:
        character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True
