"""Questions and answers of our own; see README.md."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
TABLES = ("shop", "office", "telecom", "software")

OTHER = {"shop": "office", "office": "shop", "telecom": "office", "software": "telecom"}
"""The table whose questions are strangers to a table: the two have nothing to say to each other."""

NAMES = (
    *("淘宝", "京东", "支付宝", "美团", "滴滴", "花呗", "抖音", "拼多多"),
    *("携程", "招行", "饿了么", "工行", "借呗", "百度网盘", "12306", "钉钉"),
)
"""Companies and products that none of the tables speaks of, but for a few."""


@dataclass(frozen=True)
class Entry:
    """An entry with its wordings, and questions that ask for it in other words."""

    id: str
    wordings: tuple[str, ...]
    questions: tuple[str, ...]


def entries(table: str) -> list[Entry]:
    """Return the entries of a table."""
    lines = [line for line in (FOLDER / f"{table}.txt").read_text("utf-8").splitlines() if line]
    pairs = zip(lines[::2], lines[1::2], strict=True)
    return [
        Entry(f"{table}-{number}", _cut(wordings), _cut(questions.removeprefix("?")))
        for number, (wordings, questions) in enumerate(pairs, 1)
    ]


def strangers(table: str) -> Iterator[tuple[str, str]]:
    """Yield questions that a table does not answer, with their kind."""
    chance = random.Random(table)
    for line in (FOLDER / "strangers.txt").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            yield line, "far"
    for entry in entries(OTHER[table]):
        yield from ((question, "other table") for question in entry.questions)
    for entry in entries(table):
        yield from ((chance.choice(NAMES) + question, "other company") for question in entry.questions[:2])


def slip(text: str, chance: random.Random) -> str:
    """Return `text` as somebody in a hurry types it: a character lost or swapped, or words around it."""
    if len(text) < 5 or chance.random() < 1 / 3:
        return chance.choice(("你好，", "请问一下", "那个我想问下")) + text + chance.choice(("啊", "呢谢谢", "吗"))
    at = chance.randrange(len(text) - 1)
    if chance.random() < 0.5:
        return text[:at] + text[at + 1 :]
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def _cut(line: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in line.split("|"))


@dataclass(frozen=True)
class Small:
    """A small knowledge base, and what people ask it: what it answers, and what only comes near."""

    name: str
    entries: tuple[tuple[tuple[str, ...], str], ...]
    """Each with its wordings and its answer; entry n has the id `str(n)`, from 1."""

    questions: tuple[tuple[str, str, str], ...]
    """A question, the id of the entry that answers it, and its kind: `known`; `near` (differs in what matters)
    and `generic` (does not say what it is about) are answered by none."""


KINDS = {"?": "known", "!": "near", "~": "generic"}


def small() -> Iterator[Small]:
    """Yield the small knowledge bases of `near.txt`."""
    for block in (FOLDER / "near.txt").read_text("utf-8").split("# ")[1:]:
        name, *lines = block.splitlines()
        entries: list[tuple[tuple[str, ...], str]] = []
        questions: list[tuple[str, str, str]] = []
        for line in lines:
            if kind := KINDS.get(line[0]):
                gold = str(len(entries)) if kind == "known" else ""
                questions += ((text, gold, kind) for text in _cut(line[1:]))
            else:
                wordings, _, answer = line.partition("=>")
                entries.append((_cut(wordings), answer.strip()))
        yield Small(name, tuple(entries), tuple(questions))
