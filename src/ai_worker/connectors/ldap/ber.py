"""The encoding of LDAP's messages: the Basic Encoding Rules as far as RFC 4511 §5.1 uses them."""

from collections.abc import Iterator
from dataclasses import dataclass

INTEGER, BOOLEAN, OCTETS, ENUMERATED, SEQUENCE, SET = 0x02, 0x01, 0x04, 0x0A, 0x30, 0x31
MAX_LENGTH_BYTES = 4


class Malformed(ValueError):
    """What came is not encoded as LDAP's messages are."""


@dataclass(frozen=True, slots=True)
class Value:
    """One encoded value."""

    tag: int
    content: bytes

    def parts(self) -> list["Value"]:
        """Return the values that it is made of.

        Raises:
            Malformed: It is made of none.
        """
        return list(_values(self.content))

    def number(self) -> int:
        """Return it as a whole number.

        Raises:
            Malformed: It is none, or a very large one.
        """
        if not 1 <= len(self.content) <= MAX_LENGTH_BYTES:
            raise Malformed("a number of odd length")
        return int.from_bytes(self.content, "big", signed=True)

    def text(self) -> str:
        """Return it as text, with marks for what is none."""
        return self.content.decode("utf-8", "replace")


def encoded(tag: int, *contents: bytes) -> bytes:
    """Return a value that is made of encoded ones."""
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def number(value: int, tag: int = INTEGER) -> bytes:
    """Return a whole number from 0 on."""
    return encoded(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def octets(value: str, tag: int = OCTETS) -> bytes:
    """Return a text."""
    return encoded(tag, value.encode())


def header(first: bytes) -> tuple[int, int]:
    """Return how many more bytes the length takes, and the length itself where it takes none.

    Args:
        first: Tag and first byte of the length.

    Raises:
        Malformed: The length is not said, or said in too many bytes.
    """
    size = first[1]
    if size < 0x80:
        return 0, size
    more = size & 0x7F
    if not 1 <= more <= MAX_LENGTH_BYTES:
        raise Malformed("a length that LDAP does not use")
    return more, 0


def _values(content: bytes) -> Iterator[Value]:
    position = 0
    while position < len(content):
        if position + 2 > len(content):
            raise Malformed("cut off")
        more, size = header(content[position : position + 2])
        begin = position + 2 + more
        if more:
            size = int.from_bytes(content[position + 2 : begin], "big")
        if begin + size > len(content):
            raise Malformed("cut off")
        yield Value(content[position], content[begin : begin + size])
        position = begin + size


def decoded(content: bytes) -> Value:
    """Return the one value that bytes are.

    Raises:
        Malformed: They are none, or more than one.
    """
    values = list(_values(content))
    if len(values) != 1:
        raise Malformed("not one value")
    return values[0]
