"""Characters in simplified script: a comparison must not see the script."""

from functools import cache
from importlib.resources import files

TABLE = "traditional.txt"

VARIANTS = {"帐": "账", "帳": "账"}
"""What the standard keeps apart (a tent, an account) and people do not: `到帐`, `帐户`."""


@cache
def _simplified_of() -> dict[int, int]:
    lines = files(__package__).joinpath(TABLE).read_text("utf-8").splitlines()
    simple = {line[0]: line[1] for line in lines if not line.startswith("#")}
    return {ord(written): ord(read) for written, read in (simple | VARIANTS).items()}


def simplified(text: str) -> str:
    """Return `text`, character by character, in simplified script; its length stays."""
    return text.translate(_simplified_of())
