"""Words for what a business system gives back: it says `SHIPPED`, the contact reads 已发货."""

from collections.abc import Mapping, Sequence
from string import Formatter
from typing import Any

from ai_worker.connectors.settings import WordsSettings


def worded(data: Mapping[str, Any], words: Sequence[WordsSettings]) -> dict[str, Any]:
    """Return `data` with the fields that `words` add; a field that is missing or null reads `—`."""
    result = dict(data)
    for rule in words:
        value = _shown(data, rule.field)
        template = rule.values.get(value, rule.otherwise)
        result[rule.into] = value if template is None else _fill(template, data)
    return result


def _fill(template: str, data: Mapping[str, Any]) -> str:
    return "".join(
        literal + ("" if field is None else _shown(data, field)) for literal, field, _, _ in Formatter().parse(template)
    )


def _shown(data: Mapping[str, Any], field: str) -> str:
    value: Any = data
    for name in field.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return "—" if value is None else str(value)
