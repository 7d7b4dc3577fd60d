"""What a contract says of its operations, as a model is told: words of third parties, without the orders in them.

A description is written to whoever calls, so it may say what to send. It may not speak of other tools, of what
the contact is to hear or not to hear, of files and keys of this machine, or of what happened before. Names of
arguments and types stay as they are: what carries an order there is left out with all that it describes.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from ai_worker.conversation.grounding.orders import order, visible
from ai_worker.conversation.grounding.sentences import split
from ai_worker.foundation.text import fold, shorten
from ai_worker.skills.tool import Tool

DESCRIPTION, ARGUMENT, VALUE = 1_000, 500, 200
"""Characters of a tool's description, of an argument's, and of any other text."""

MAX_DEPTH = 40
REMEMBERED = 4_096
"""Texts whose plain form is remembered: the same tools are told of in every turn."""

_WORDS = frozenset({"description", "title", "$comment"})

_POISON = re.compile(
    "|".join(
        (
            r"</?\s*(?:important|critical|urgent|secret|hidden|note|attention|warning|instructions?)\s*>",
            r"\b(?:before|after|whenever|when|prior to|instead of|each time)\b.{0,20}"
            r"\b(?:using|calling|invoking|running|use|call|invoke|run)\b.{0,60}"
            r"\b(?:must|should|always|first|read|call|send|pass|run|fetch|open|also|include)\b",
            r"(?:使用|调用|运行)(?:本|这个|此|该|任何|其他|别的)?(?:工具|接口|功能)?(?:之?前|之?后|时).{0,20}"
            r"(?:必须|务必|先|都要|一定|同时|还要|应当|应该)",
            r"\b(?:do not|don't|never|without)\b.{0,12}\b(?:tell|mention|telling|mentioning|inform|informing|reveal|"
            r"disclose|ask|asking|notify|notifying)\b.{0,20}\b(?:user|customer|human|anyone|anybody|him|her|them|it)\b",
            r"(?:不要|别|切勿|不得|不许|禁止|无需|不用)(?:告诉|告知|提醒|询问|通知|提及|让).{0,6}(?:用户|客户|顾客|对方|任何人|管理员)",
            r"~/|\.ssh\b|\bid_rsa\b|/etc/|\.env\b|\bmcp\.json\b|\bsidenote\b",
            r"\b(?:ignore|disregard|override|instead of|rather than)\b.{0,30}\btools?\b|\b(?:other|all|any) tools?\b"
            r".{0,30}\b(?:must|should|are|is)\b|(?:其他|别的|所有|任何)(?:的)?工具",
            r"\b(?:api key|password|secret|token|credential)s?\b.{0,30}\b(?:of|from) (?:the |this |your )?"
            r"(?:user|environment|conversation|context|system|memory)\b",
            r"\b(?:conversation|chat) history\b"
            r"|\b(?:whole|entire|full) conversation\b|(?:对话|聊天)(?:历史|记录)|全部对话",
        )
    )
)

_RESPONSE = re.compile(r"\b(?:the|api|http) (?:response|output)\b(?! (?:must|should|shall|has to|to the))")
"""What a system sends back, in the language of contracts; elsewhere it is what a worker says."""


def told(tool: Tool) -> Tool:
    """Return a tool as a model may be told of it: the same, but for its words."""
    description = words(tool.description, DESCRIPTION) or _name(tool.name)
    parameters = _schema(tool.parameters, 0)
    return replace(tool, description=description, title=words(tool.title, VALUE), parameters=parameters)


@lru_cache(maxsize=REMEMBERED)
def words(text: str, characters: int) -> str:
    """Return a third party's words on one of its operations, without orders and without what nobody sees."""
    shown = shorten(visible(text), 4 * characters)
    if not _orders(shown):
        return shorten(shown, characters)
    kept = "".join(sentence for sentence in split(shown) if not _orders(sentence))
    # An order that was written across sentences is not found in any one of them.
    return "" if _orders(kept) else shorten(kept, characters)


@lru_cache(maxsize=REMEMBERED)
def _orders(text: str) -> bool:
    folded = _RESPONSE.sub("the data", fold(text))
    return order(folded) == "all" or _POISON.search(folded) is not None


def _schema(value: Any, depth: int) -> Any:
    """Return a part of a schema without the words that give orders."""
    if depth > MAX_DEPTH:
        return {}
    if isinstance(value, list | tuple):
        return [_schema(item, depth + 1) for item in value if _fit(item)]
    if not isinstance(value, Mapping):
        return value
    made: dict[str, Any] = {}
    for key, item in value.items():
        if key in _WORDS and isinstance(item, str):
            made[key] = words(item, ARGUMENT)
        elif _fit(key) and _fit(item):
            made[key] = _schema(item, depth + 1)
    return made


def _fit(value: Any) -> bool:
    """Return whether a name or a value may be told."""
    if not isinstance(value, str):
        return True
    return len(value) <= VALUE and value.isprintable() and not _orders(value)


def _name(name: str) -> str:
    return name.rpartition(".")[2].replace("_", " ")
