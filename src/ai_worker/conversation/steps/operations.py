"""Many operations for a model: it searches, reads about one, and calls it, instead of being told of hundreds.

A prompt with five hundred tools costs more than the answer, and models choose worse among many. So where there
are more than `DIRECT`, a model is told of those with a verb (the curated ones) and of three tools to find the rest.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from ai_worker.conversation.grounding.tool_words import DESCRIPTION, VALUE, told, words
from ai_worker.conversation.model import ToolCall, ToolSchema
from ai_worker.conversation.steps.prompt import offered
from ai_worker.foundation.text import fold, shorten
from ai_worker.skills.tool import Tool

DIRECT = 16
"""Tools up to which a model is told of all."""

CURATED = 12
"""Tools with a verb that it is told of beside the three, at most."""

FOUND = 8
"""Operations that one search gives back."""

SEARCH, DESCRIBE, CALL = "search_operations", "describe_operation", "call_operation"

_SCHEMAS = (
    ToolSchema(
        SEARCH,
        "Find operations of the company's business systems by a few words on what is to be done.",
        {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
    ),
    ToolSchema(
        DESCRIBE,
        "Read what one operation does and which arguments it takes. Do so before calling it.",
        {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
    ),
    ToolSchema(
        CALL,
        "Call one operation.",
        {
            "type": "object",
            "properties": {"name": {"type": "string"}, "arguments": {"type": "object"}},
            "required": ["name", "arguments"],
        },
    ),
)

_WORD = re.compile(r"[a-z0-9]+")
_HAN = re.compile(r"[\u3400-\u9fff]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def on_offer(tools: Sequence[Tool], *, may_ask: bool) -> list[ToolSchema]:
    """Return the tools that a model is told of, as it is told of them."""
    allowed = offered(tools, may_ask=may_ask)
    if len(allowed) <= DIRECT:
        return [_schema(tool) for tool in allowed]
    curated = [tool for tool in allowed if tool.verb is not None][:CURATED]
    return [*map(_schema, curated), *_SCHEMAS]


def looked_up(wanted: ToolCall, tools: Sequence[Tool]) -> str | None:
    """Return what a search or a description gives back; `None`: something else is wanted.

    It comes from contracts that an administrator has loaded, as the descriptions of tools do: third parties'
    words, which are told without the orders in them.
    """
    if wanted.name not in (SEARCH, DESCRIBE):
        return None
    arguments = _object(wanted.arguments)
    if wanted.name == SEARCH:
        found = [{"name": tool.name, "does": _line(tool), "changes": tool.acts} for tool in search(arguments, tools)]
        return json.dumps(found or "nothing found; try other words", ensure_ascii=False)
    name = arguments.get("name")
    tool = next((tool for tool in tools if tool.name == name), None)
    if tool is None:
        return json.dumps(f"there is no operation called {name!r}; search first", ensure_ascii=False)
    tool = told(tool)
    about = {"name": tool.name, "does": tool.description, "changes": tool.acts, "arguments": tool.parameters}
    return json.dumps(about, ensure_ascii=False, default=str)


def unwrapped(wanted: ToolCall) -> ToolCall:
    """Return the call that is wanted through `call_operation`, as if its tool had been called itself."""
    if wanted.name != CALL:
        return wanted
    given = _object(wanted.arguments)
    arguments = given.get("arguments")
    written = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return ToolCall(wanted.id, str(given.get("name", "")), written)


def search(arguments: Mapping[str, Any], tools: Sequence[Tool]) -> list[Tool]:
    """Return the tools that share most with the words of a query, rare words counting more; the best first."""
    query = _terms(str(arguments.get("query", "")))
    terms = [_of_tool(tool.name, tool.title, tool.description) for tool in tools]
    seen = Counter(term for one in terms for term in one.keys() & query.keys())
    scored = []
    for tool, one in zip(tools, terms, strict=True):
        shared = one.keys() & query.keys()
        score = sum(one[term] * math.log(1 + len(tools) / seen[term]) for term in shared)
        if score:
            scored.append((score / math.sqrt(4 + len(one)), tool))
    scored.sort(key=lambda pair: -pair[0])
    return [tool for _, tool in scored[:FOUND]]


@lru_cache(maxsize=20_000)
def _of_tool(name: str, title: str, description: str) -> Mapping[str, float]:
    """Return a tool's terms: what it is called says more than what is written of it."""
    weighed: dict[str, float] = {}
    for text, weight in ((description, 1.0), (title, 2.0), (name.partition(".")[2] or name, 2.0)):
        for term in _terms(text):
            weighed[term] = max(weighed.get(term, 0.0), weight)
    return weighed


def _terms(text: str) -> Counter[str]:
    folded = fold(_HUMP.sub(" ", text))
    words = [word[:-1] if len(word) > 3 and word.endswith("s") else word for word in _WORD.findall(folded)]
    pairs = [run[at : at + 2] for run in _HAN.findall(folded) for at in range(max(1, len(run) - 1))]
    return Counter([*words, *pairs])


def _schema(tool: Tool) -> ToolSchema:
    tool = told(tool)
    return ToolSchema(tool.name, tool.description, tool.parameters)


def _line(tool: Tool) -> str:
    return shorten(words(tool.title, VALUE) or words(tool.description, DESCRIPTION), 120)


def _object(written: str) -> dict[str, Any]:
    try:
        value = json.loads(written or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
