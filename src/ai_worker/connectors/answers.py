"""Read what a business system answered: whatever its type, its encoding and its size."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from ai_worker.connectors.profile import RefusalSign

STARS = "***"
SHORTEST_SECRET = 6
"""A shorter one would star out ordinary words."""

MAX_DEPTH = 60


def decoded(content: bytes, content_type: str) -> tuple[Any, str]:
    """Return an answer's value and what is odd about it, if anything.

    JSON is recognised by what it is, not by what it is called: systems send it as `text/html` and in GBK.
    """
    kind, charset = content_type.partition(";")[0].strip().lower(), _charset(content_type)
    if not content.strip():
        return None, ""
    if content[:1] in b'{["-0123456789tfn \t\r\n' or content[:3] == b"\xef\xbb\xbf" or "json" in kind:
        for text in _texts(content, charset, sure=True):
            try:
                return msgspec.json.decode(text), "" if "json" in kind or not kind else f"JSON, sent as {kind}"
            except RecursionError:
                # Not even as text: nothing in it could be masked.
                return {"bytes": len(content)}, "nested too deeply; its content is left out"
            except msgspec.DecodeError:
                continue
    if _binary(kind, content):
        return {"file": kind or "application/octet-stream", "bytes": len(content)}, "a file; its content is left out"
    text = next(iter(_texts(content, charset, sure=False)))
    return text, "not JSON, though it says so" if "json" in kind else ""


def decoded_text(content: bytes) -> str:
    """Return content as text, for people to look at; of what is none, its size."""
    return f"({len(content)} bytes)" if _binary("", content) else next(iter(_texts(content, "", sure=False)))


def _charset(content_type: str) -> str:
    match = re.search(r"charset\s*=\s*\"?([A-Za-z0-9._:-]+)", content_type, re.IGNORECASE)
    return match[1] if match else ""


def _texts(content: bytes, charset: str, *, sure: bool) -> Iterable[str]:
    """Yield the content as text, the likeliest reading first."""
    # GB 18030 reads every GBK and GB 2312 text; Latin-1 reads anything and comes last.
    for encoding in dict.fromkeys(("utf-8-sig", charset, "gb18030", *(() if sure else ("latin-1",)))):
        try:
            if encoding:
                yield content.decode(encoding)
        except (UnicodeError, LookupError):  # `undefined` is an encoding, too, and raises the former
            continue


def _binary(kind: str, content: bytes) -> bool:
    if kind.startswith(("image/", "audio/", "video/", "font/")) or kind in ("application/pdf", "application/zip"):
        return True
    return b"\x00" in content[:1024]


def masked(value: Any, fields: frozenset[str], *, path: str = "", depth: int = 0) -> Any:
    """Return a value whose masked fields read `***`, at any depth."""
    if not fields:
        return value
    if depth > MAX_DEPTH:
        return STARS if isinstance(value, Mapping | list) else value
    if isinstance(value, Mapping):
        result = {}
        for key, item in value.items():
            here = f"{path}.{key}" if path else str(key)
            hidden = key in fields or here in fields
            result[key] = STARS if hidden else masked(item, fields, path=here, depth=depth + 1)
        return result
    if isinstance(value, list):
        return [masked(item, fields, path=path, depth=depth + 1) for item in value]
    return value


def without(content: bytes, secrets: Sequence[str]) -> bytes:
    """Return an answer without the secrets that we sent, should the system say them back."""
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            for written in _written(secret):
                content = content.replace(written.encode(), STARS.encode())
    return content


def _written(secret: str) -> set[str]:
    """Return a secret as it may stand in an answer: plain, in JSON of several makes, and in an address."""
    in_json = {json.dumps(secret, ensure_ascii=ascii)[1:-1] for ascii in (True, False)}
    slashed = {one.replace("/", "\\/") for one in in_json}
    return {secret, *in_json, *slashed, quote(secret), quote(secret, safe="")}


def clipped(data: Any, limit: int) -> tuple[Any, str]:
    """Return a result of at most about `limit` characters of JSON, and what was left out, if anything."""
    if _size(data) <= limit:
        return data, ""
    if isinstance(data, list):
        kept = _fitting(data, limit)
        return kept, f"the first {len(kept)} of {len(data)} items; ask more narrowly or for the next page"
    if isinstance(data, Mapping):
        longest = max(data, key=lambda key: _size(data[key]))
        rest = _size({key: value for key, value in data.items() if key != longest})
        short, note = clipped(data[longest], max(limit - rest, 0))
        result = {**data, longest: short}
        if _size(result) <= limit + 200:
            return result, f"{longest}: {note}"
    text = data if isinstance(data, str) else msgspec.json.encode(data).decode()
    return text[:limit], f"the first {limit} of {len(text)} characters"


def _fitting(items: list[Any], limit: int) -> list[Any]:
    kept: list[Any] = []
    used = 2
    for item in items:
        used += _size(item) + 1
        if used > limit:
            break
        kept.append(item)
    return kept


def _size(value: Any) -> int:
    return len(msgspec.json.encode(value))


def at(data: Any, field_path: str) -> Any:
    """Return what stands at names with dots between, or numbers of places in lists; `None`: nothing does."""
    for name in field_path.split(".") if field_path else ():
        if isinstance(data, list):
            data = data[int(name)] if name.isdecimal() and int(name) < len(data) else None
        else:
            data = data.get(name) if isinstance(data, Mapping) else None
    return data


def refusal(data: Any, signs: Iterable[RefusalSign]) -> tuple[RefusalSign, str] | None:
    """Return the sign by which a result is a refusal, and the system's words; `None`: it is none."""
    for sign in signs:
        value = at(data, sign.field)
        if value is None:
            continue
        if _among(value, sign.bad) or _among(value, sign.expired) or (sign.good and not _among(value, sign.good)):
            words = at(data, sign.message) if sign.message else None
            return sign, f"{sign.field}={value}" if words is None else str(words)
    return None


def has_expired(data: Any, sign: RefusalSign) -> bool:
    """Return whether a refusal says that the token has run out."""
    return _among(at(data, sign.field), sign.expired)


def _among(value: Any, values: Iterable[Any]) -> bool:
    # 1 == True in Python; to a business system they differ.
    return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in values)
