"""The marks of citations, `[1]`, that a model puts behind what it says."""

import re
from collections.abc import Mapping

MARK = re.compile(r"\s?[\[【](\d{1,2}(?:\s*[,，、]\s*\d{1,2})*)[\]】]")


def named(text: str) -> list[int]:
    """Return the numbers in the marks of a text, each once, in order."""
    return list(dict.fromkeys(int(number) for mark in MARK.findall(text) for number in re.findall(r"\d+", mark)))


def bare(text: str) -> str:
    """Return a text without its marks."""
    return MARK.sub("", text)


def marked(sentence: str, numbers: Mapping[int, int], places: list[int]) -> str:
    """Return a sentence with its marks in our numbers.

    Args:
        sentence: The sentence as the model wrote it.
        numbers: Our number of each place.
        places: The places that the sentence rests on; other marks of it are left out.
    """
    words = bare(sentence)
    if not (ours := sorted(numbers[place] for place in places if place in numbers)):
        return words
    end = len(words.rstrip("。！？!?；;. \t\n"))
    return f"{words[:end]} {''.join(f'[{number}]' for number in ours)}{words[end:]}"
