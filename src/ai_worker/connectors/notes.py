"""What is wrong with a contract and was got over, collected while it is compiled."""

MAX_NOTES = 200
"""More would be read by nobody; a hostile contract could make millions."""


class Notes:
    """Warnings in the order in which they came, each once."""

    def __init__(self) -> None:
        self._lines: dict[str, None] = {}
        self._more = False

    def add(self, line: str) -> None:
        """Keep one warning, cut to a readable length."""
        line = line if len(line) <= 300 else line[:299] + "…"
        if line in self._lines:
            return
        if len(self._lines) < MAX_NOTES:
            self._lines[line] = None
        else:
            self._more = True

    def lines(self) -> tuple[str, ...]:
        """Return them; the last one says so when there were more."""
        return (*self._lines, *(("there are more warnings",) if self._more else ()))
