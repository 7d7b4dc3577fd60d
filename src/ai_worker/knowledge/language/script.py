"""Traditional characters, written as simplified ones: a comparison must not see the script."""

from functools import cache
from importlib.resources import files

TABLE = "traditional.txt"


@cache
def _simplified_of() -> dict[int, int]:
    lines = files(__package__).joinpath(TABLE).read_text("utf-8").splitlines()
    return {ord(line[0]): ord(line[1]) for line in lines if not line.startswith("#")}


def simplified(text: str) -> str:
    """Return `text`, character by character, in simplified script; its length stays."""
    return text.translate(_simplified_of())
