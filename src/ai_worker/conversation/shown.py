"""How what is about to be done is shown to the person whose word it takes: whole, and so that nothing is hidden."""

import json
import unicodedata
from collections.abc import Mapping
from typing import Any

from ai_worker.conversation.steps.verbs import told
from ai_worker.foundation.text import shorten
from ai_worker.skills.tool import Tool

SHOWN = 400
"""Characters of one argument that a person is shown before the rest is counted."""

LABEL = 20
"""Characters of a description that stands before its argument's value; a longer one explains, and names nothing."""

UNSEEN = ("Cf", "Cc", "Cs")
"""Kinds of characters that show nothing, or move what is around them."""

STARS = "***"


def shown(tool: Tool, arguments: Mapping[str, Any]) -> str:
    """Return what a tool is about to do, for the person whose word it takes.

    All of its true arguments are there, also those that are the asker's own; of secrets only that there are any.
    """
    values = {name: plainly(value) for name, value in unmasked(tool, {**arguments, **bound_to(tool)}).items()}
    if not tool.confirm:
        lines = [f"{_title(tool, name)}：{value}" for name, value in values.items()]
        return "\n".join([tool.title or tool.description, *lines])
    said = told(tool.confirm, None, values=values, no_value="—")
    hidden = [name for name in values if f"{{{name}}}" not in tool.confirm]
    return "\n".join([said, *(f"{_title(tool, name)}：{values[name]}" for name in hidden)])


def bound_to(tool: Tool) -> dict[str, str]:
    """Return what a tool is called with besides what it is asked for."""
    return {one.argument: one.value for one in tool.bound}


def unmasked(tool: Tool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments with `***` in place of every secret, at any depth."""

    def shown(value: Any) -> Any:
        match value:
            case Mapping():
                return {name: STARS if name in tool.masked else shown(one) for name, one in value.items()}
            case list() | tuple():
                return [shown(one) for one in value]
        return value

    return {name: STARS if name in tool.masked else shown(value) for name, value in arguments.items()}


def _title(tool: Tool, argument: str) -> str:
    if own := next((one.title for one in tool.bound if one.argument == argument), ""):
        return own
    schema = tool.parameters.get("properties", {}).get(argument, {})
    if not isinstance(schema, Mapping):
        return plainly(argument)
    if title := schema.get("title"):
        return plainly(str(title))
    described = plainly(str(schema.get("description") or "")).rstrip("。.：:")
    return f"{described}（{plainly(argument)}）" if 0 < len(described) <= LABEL else plainly(argument)


def plainly(value: Any) -> str:
    """Return a value on one line, as people read it."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    # No line of an argument may look like a line of ours, and nothing in it may turn the reading round.
    text = " ".join("".join(one for one in text if one.isspace() or unicodedata.category(one) not in UNSEEN).split())
    return text if len(text) <= SHOWN else f"{shorten(text, SHOWN)}（{len(text)}）"


def too_long(arguments: Mapping[str, Any]) -> bool:
    """Return whether a person could not be shown all of it: then nobody is asked, and a person does it."""
    return any(
        len(name) > SHOWN or len(json.dumps(value, ensure_ascii=False, default=str)) > SHOWN
        for name, value in arguments.items()
    )
