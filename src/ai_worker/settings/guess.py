"""What somebody probably meant by a key that does not exist."""

from collections.abc import Iterable
from difflib import get_close_matches

from ai_worker.settings import shape
from ai_worker.settings.tree import Settings


def remedy(wrong: str, known: Iterable[str]) -> dict[str, object]:
    """Return the facts `remedy_zh` and `remedy_en` for an unknown key.

    Args:
        wrong: What was written, without its section.
        known: The keys that may stand there.
    """
    known = list(known)
    if close := get_close_matches(wrong, known, n=1, cutoff=0.6):
        return _say(f"是不是想写 {close[0]}？", f"Did you mean {close[0]}?")
    if homes := _homes_of(wrong):
        return _say(f"它属于 {' 或 '.join(homes)} 这一节。", f"It belongs in {' or '.join(homes)}.")
    if known:
        listed = ", ".join(sorted(known))
        return _say(f"这里可以写：{listed}。", f"There may be: {listed}.")
    return _say("删掉它。", "Delete it.")


def _say(chinese: str, english: str) -> dict[str, object]:
    return {"remedy_zh": chinese, "remedy_en": english}


def _homes_of(wrong: str) -> list[str]:
    """Return the sections that have a key of this name."""
    return [
        f"[{name}]"
        for name, field in Settings.model_fields.items()
        if wrong in shape.keys(field.rebuild_annotation(), None)
    ]
