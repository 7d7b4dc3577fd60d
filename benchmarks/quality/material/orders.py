"""Sentences made from the templates of `orders.*.txt` and `help.txt`."""

import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

_SLOT = re.compile(r"\{(\w+)\}")
_DEEPEST = 6


class Templates:
    """The styles of one file, and the words for their slots."""

    def __init__(self, name: str) -> None:
        self.words: dict[str, list[str]] = {}
        self.styles: dict[str, list[str]] = {}
        style: list[str] = []
        for line in Path(__file__).with_name(name).read_text("utf-8").splitlines():
            if line.startswith("= "):
                style = self.styles.setdefault(line[2:], [])
            elif line.startswith("- "):
                style.append(line[2:])
            elif line and not line.startswith("#"):
                slot, _, choices = line.partition(":")
                self.words[slot] = [choice.strip() for choice in choices.split(" | ")]

    def sentences(self, each: int, chance: random.Random) -> Iterator[tuple[str, str]]:
        """Return the style and the text of `each` sentences of every template."""
        for style, templates in self.styles.items():
            for template in templates:
                for _ in range(each):
                    yield style, _filled(template, self.words, chance)


def _filled(template: str, words: Mapping[str, list[str]], chance: random.Random) -> str:
    for _ in range(_DEEPEST):
        filled = _SLOT.sub(lambda slot: chance.choice(words[slot[1]]) if slot[1] in words else slot[0], template)
        if filled == template:
            break
        template = filled
    return template
