"""The frames of the long connection: one protobuf message, `pbbp2.Frame`, read and written by hand.

1 SeqID uint64 · 2 LogID uint64 · 3 service int32 · 4 method int32     required, written even when 0
5 headers repeated {1 key string · 2 value string}
6 payload_encoding string · 7 payload_type string · 8 payload bytes · 9 LogIDNew string
"""

from dataclasses import dataclass, field, replace

from ai_worker.foundation.errors import BadInput

CONTROL, DATA = 0, 1
"""`Frame.method`: pings and pongs, or an event."""

MAX_HEADERS = 64
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MASK = (1 << 64) - 1


class MalformedFrame(BadInput):
    """A frame of the long connection is not the protobuf message that it should be."""

    code = "channel.malformed_frame"


@dataclass(frozen=True, slots=True)
class Frame:
    """One message of the long connection."""

    seq_id: int = 0
    log_id: int = 0
    service: int = 0
    method: int = CONTROL
    headers: tuple[tuple[str, str], ...] = ()
    payload: bytes = b""
    payload_encoding: str = ""
    payload_type: str = ""
    log_id_new: str = field(default="")

    def header(self, name: str) -> str:
        """Return the first header of that name; empty if there is none."""
        return next((value for key, value in self.headers if key == name), "")

    def answer(self, payload: bytes, *, took_ms: int) -> "Frame":
        """Return the acknowledgement: the same frame with another payload and how long it took."""
        return replace(self, headers=(*self.headers, ("biz_rt", str(took_ms))), payload=payload)


def ping(service: int) -> Frame:
    """Return a ping."""
    return Frame(service=service, headers=(("type", "ping"),))


def encode(frame: Frame) -> bytes:
    """Return a frame as it goes over the wire."""
    raw = bytearray()
    for number, value in ((1, frame.seq_id), (2, frame.log_id), (3, frame.service), (4, frame.method)):
        raw += _varint(number << 3 | _VARINT) + _varint(value & _MASK)
    for key, word in frame.headers:
        raw += _field(5, _field(1, key.encode()) + _field(2, word.encode()))
    for number, content in (
        (6, frame.payload_encoding.encode()),
        (7, frame.payload_type.encode()),
        (8, frame.payload),
        (9, frame.log_id_new.encode()),
    ):
        if content:
            raw += _field(number, content)
    return bytes(raw)


def decode(raw: bytes) -> Frame:
    """Return the frame that came over the wire; unknown fields are walked past.

    Raises:
        MalformedFrame: It is cut off, lacks a required field, or is not this message at all.
    """
    numbers: dict[int, int] = {}
    contents: dict[int, bytes] = {}
    headers: list[tuple[str, str]] = []
    for number, value in _fields(raw):
        if isinstance(value, int):
            numbers[number] = value
        elif number == 5:
            headers.append(_header(value))
        else:
            contents[number] = value
    if len(headers) > MAX_HEADERS or not {1, 2, 3, 4} <= numbers.keys():
        raise MalformedFrame("the frame lacks required fields, or has too many headers")
    return Frame(
        seq_id=numbers[1],
        log_id=numbers[2],
        service=_int32(numbers[3]),
        method=_int32(numbers[4]),
        headers=tuple(headers),
        payload=contents.get(8, b""),
        payload_encoding=_text(contents.get(6, b"")),
        payload_type=_text(contents.get(7, b"")),
        log_id_new=_text(contents.get(9, b"")),
    )


def _header(raw: bytes) -> tuple[str, str]:
    found = {number: value for number, value in _fields(raw) if isinstance(value, bytes)}
    return _text(found.get(1, b"")), _text(found.get(2, b""))


def _fields(raw: bytes) -> list[tuple[int, int | bytes]]:
    found: list[tuple[int, int | bytes]] = []
    at = 0
    while at < len(raw):
        tag, at = _read_varint(raw, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _read_varint(raw, at)
            found.append((tag >> 3, value))
            continue
        if kind == _BYTES:
            size, at = _read_varint(raw, at)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise MalformedFrame("the frame has a field of an unknown type")
        if size > len(raw) - at:
            raise MalformedFrame("the frame is cut off")
        if kind == _BYTES:
            found.append((tag >> 3, raw[at : at + size]))
        at += size
    return found


def _varint(value: int) -> bytes:
    raw = bytearray()
    while value > 0x7F:
        raw.append(value & 0x7F | 0x80)
        value >>= 7
    raw.append(value)
    return bytes(raw)


def _read_varint(raw: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(raw):
            raise MalformedFrame("the frame is cut off")
        value |= (raw[at] & 0x7F) << shift
        at += 1
        if raw[at - 1] < 0x80:
            return value & _MASK, at
    raise MalformedFrame("the frame has a number of more than 64 bits")


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content


def _int32(value: int) -> int:
    value &= (1 << 32) - 1
    return value - (1 << 32) if value >> 31 else value


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise MalformedFrame("the frame has text that is not UTF-8") from None
