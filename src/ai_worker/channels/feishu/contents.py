"""The contents of Feishu's messages, by message type: words, and the parts that are not words.

`content` is JSON in a string, and its shape depends on `message_type`. A message is genuine by the time
it gets here, so nothing of it is refused: what cannot be read becomes a part that names its type.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from ai_worker.conversation.message import Part, PartKind
from ai_worker.foundation.text import clean

Content = dict[str, Any]
Read = tuple[str, tuple[Part, ...]]

MAX_NODES = 5_000
"""Elements of a post or card that are walked through."""


def read(kind: str, content: str) -> Read:
    """Return the words of a message and its other parts. Mentions stand in the words as their keys (`@_user_1`)."""
    found = _json(content)
    reader = _READERS.get(kind)
    if found is None or reader is None:
        return "", (Part("card", text=clean(kind)),)
    return reader(found)


def _json(content: str) -> Content | None:
    try:
        found = json.loads(content)  # unlike stricter readers it takes lone surrogates, which `clean` mends
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _word(content: Content, *names: str) -> str:
    for name in names:
        value = content.get(name)
        if isinstance(value, str) and value:
            return clean(value)
    return ""


def _text(content: Content) -> Read:
    return _word(content, "text"), ()


def _media(kind: PartKind, *ids: str) -> Callable[[Content], Read]:
    def reader(content: Content) -> Read:
        return "", (Part(kind, text=_word(content, "file_name"), media_id=_word(content, *ids)),)

    return reader


def _audio(content: Content) -> Read:
    """Where the platform has recognised the speech, its words are the message."""
    words = _word(content, "recognition", "text", "speech_to_text")
    return words, (Part("voice", text=words, media_id=_word(content, "file_key")),)


def _location(content: Content) -> Read:
    return "", (Part("location", text=_word(content, "name", "address")),)


def _shared(label: str) -> Callable[[Content], Read]:
    def reader(content: Content) -> Read:
        return "", (Part("card", text=label, media_id=_word(content, "chat_id", "user_id")),)

    return reader


def _post(content: Content) -> Read:
    """A post: lines of elements, either at the top or below a language."""
    if "content" not in content:
        content = next((value for value in content.values() if isinstance(value, dict)), {})
    lines, parts = [], []
    for row in _rows(content.get("content")):
        words = []
        for element in row:
            word, part = _element(element)
            words.append(word)
            parts += [part] if part else []
        lines.append("".join(words))
    title = _word(content, "title")
    return clean("\n".join([title, *lines] if title else lines)), tuple(parts)


def _rows(rows: object) -> Iterator[list[Content]]:
    left = MAX_NODES
    for row in rows if isinstance(rows, list) else ():
        elements = [element for element in row if isinstance(element, dict)] if isinstance(row, list) else []
        yield elements[:left]
        left -= len(elements)
        if left <= 0:
            return


def _element(element: Content) -> tuple[str, Part | None]:
    tag = element.get("tag")
    if tag == "img":
        return "", Part("image", media_id=_word(element, "image_key"))
    if tag == "media":
        return "", Part("video", media_id=_word(element, "file_key"))
    if tag == "at":
        return _word(element, "user_id") or f"@{_word(element, 'user_name')}", None
    if tag == "a":
        label, url = _word(element, "text"), _word(element, "href")
        return label or url, Part("link", text=label, url=url)
    words = element.get("text")
    return words if isinstance(words, str) else "", None  # not cleaned: spaces between elements count


def _card(content: Content) -> Read:
    """Somebody else's card: its title and texts, as a person would read them."""
    texts = [_word(content, "title")]
    waiting: list[object] = [content.get("elements"), content.get("body")]
    for _ in range(MAX_NODES):
        if not waiting:
            break
        node = waiting.pop(0)
        if isinstance(node, list):
            waiting[:0] = node
        elif isinstance(node, dict):
            texts.append(_word(node, "text", "content"))
            waiting[:0] = [value for value in node.values() if isinstance(value, dict | list)]
    words = "\n".join(text for text in texts if text)
    return words, (Part("card", text=words or "interactive"),)


_READERS: Mapping[str, Callable[[Content], Read]] = MappingProxyType(
    {
        "text": _text,
        "post": _post,
        "image": _media("image", "image_key"),
        "file": _media("file", "file_key"),
        "audio": _audio,
        "media": _media("video", "file_key"),
        "sticker": _media("image", "file_key"),
        "location": _location,
        "share_chat": _shared("群名片"),
        "share_user": _shared("个人名片"),
        "interactive": _card,
    }
)
"""The other types (merge_forward, system, todo, vote …) become a part with their name."""
