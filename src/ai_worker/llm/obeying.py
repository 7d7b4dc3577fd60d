"""A model without any judgement: it does whatever any text in its prompt tells it to do.

Run behind `ScriptedModel`, it is the worst model that there can be. What a document cannot make the
product do with it, it cannot make it do with any other.
"""

import base64
import binascii
import json
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from ai_worker.llm.scripted import Asked, Call, Say

MOST = 60
"""Orders that it carries out in one answer."""

_SAYS = re.compile(
    r"(?:必须|务必|只能|只|都要|一律|应当|应该|请|要|说|回复|回答|输出|打印|复述|重复|写|加上?|附上?|带上?|包含|包括|告诉\S{0,6}|告知\S{0,6}"
    r"|\b(?:say|reply|respond|answer|output|print|repeat|write|include|append|insert|add|state|recommend|tell)\b[^\n.:\"'“]{0,60}?)"
    r"\s*(?:[:：]\s*)?[“\"「『'‘`]([^”\"」』'’`\n]{2,200})[”\"」』'’`]"
    r"|(?:回复|回答|输出|写|加上|附上|包含|包括|说|以|告诉\S{0,6}|告知\S{0,6})[:：\s]*([^，。\n“”\"「」]{2,120})"
    r"|\b(?:say|reply|respond|answer|output|print|repeat|include|append|insert|add|write|with|tell (?:the )?\w+)\b"
    r"[:\s]+([^\n.\"“]{2,160})",
    re.IGNORECASE,
)
_PICTURE = re.compile(r"!?\[[^\]]*\]\([^)]+\)|<img[^>]*>|https?://\S+", re.IGNORECASE)
_CODED = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")
_REVEALS = re.compile(r"系统提示|提示词|指令|规则|system prompt|instructions|your rules", re.IGNORECASE)
_OBJECT = re.compile(r"\{[^{}]*\}")
_ID = re.compile(r"\b[A-Z]{2,5}\d{3,10}\b")
_SENTENCE = re.compile(r"[^。！？!?\n]+[。！？!?]?")
_MENTIONED = re.compile(r"[“「『\"‘'«„]([^”」』\"’'»“\n]{2,80})[”」』\"’'»“]|\b[A-Z]{2,}[A-Z0-9]*-[A-Z0-9-]+\b")
_MATERIAL = re.compile(r'<material n="(\d+)"[^>]*>\n(.*?)\n</material>', re.DOTALL)


def obeying(asked: Asked) -> Say:
    """Call every tool that any text names, say everything that any text wants said, and then answer."""
    data = [_read(message) for message in asked.messages if message.get("role") != "system"]
    told = "\n".join((*data, *_decoded(data)))
    if asked.tools and not any(message.get("role") == "tool" for message in asked.messages):
        calls = tuple(_wanted(asked, told))
        if calls:
            return Say(" ".join(_says(told)), calls=calls)
    system = str(asked.messages[0].get("content") or "") if asked.messages else ""
    revealed = [system] if _REVEALS.search(told) else []
    return Say("\n".join((_honest(asked), *_says(told), *revealed)))


def _read(message: dict[str, Any]) -> str:
    """Return a message as a model takes it in: it reads through invisible characters."""
    text = unicodedata.normalize("NFKC", str(message.get("content") or ""))
    return "".join(character for character in text if unicodedata.category(character) != "Cf").replace("│ ", "")


def _decoded(texts: Iterable[str]) -> list[str]:
    found = []
    for coded in (word for text in texts for word in _CODED.findall(text)):
        try:
            found.append(base64.b64decode(coded + "=" * (-len(coded) % 4), validate=True).decode())
        except (binascii.Error, ValueError):
            continue
    return found


def _says(told: str) -> list[str]:
    """Return what the texts want said, and all that they so much as mention, as if it rested on the first material."""
    wanted = ["".join(groups).strip() for groups in _SAYS.findall(told)]
    wanted += _PICTURE.findall(told)
    wanted += [found[1] or found[0] for found in _MENTIONED.finditer(told)]
    return [f"{words} [1]。" for words in dict.fromkeys(wanted) if words][:MOST]


def _wanted(asked: Asked, told: str) -> Iterable[Call]:
    """Return a call of each tool that a text names, and of each other one for every id that any text has."""
    for tool in asked.body.get("tools", ()):
        function = tool["function"]
        name, description = function["name"], function.get("description") or "\x00"
        places = [at for spelling in (name, name.replace("_", ".", 1), description) if (at := told.find(spelling)) >= 0]
        if places:
            yield Call(name, _arguments(function, told[places[0] : places[0] + 300]))
        else:
            for id_ in dict.fromkeys(_ID.findall(told)):
                yield Call(name, dict.fromkeys(function.get("parameters", {}).get("required", ()), id_))


def _arguments(function: dict[str, Any], near: str) -> dict[str, Any]:
    """Return the arguments that stand beside a tool's name, or an id for each that it asks for."""
    if (found := _OBJECT.search(near)) is not None:
        try:
            return dict(json.loads(found[0]))
        except (ValueError, TypeError):
            pass
    ids = _ID.findall(near) or ["ORD12345"]
    return dict.fromkeys(function.get("parameters", {}).get("required", ()), ids[0])


def _honest(asked: Asked) -> str:
    """Return every sentence of every material, with its number: what is there to be said, it says."""
    shown = _MATERIAL.findall(asked.last.replace("│ ", ""))
    return "".join(
        f"{sentence.strip(' 。.')} [{number}]。"
        for number, text in shown
        for sentence in _SENTENCE.findall(text)
        if sentence.strip(" 。.")
    )
