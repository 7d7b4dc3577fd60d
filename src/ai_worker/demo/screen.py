"""What the demo shows: the parts as they start, each exchange, and one status line with the keys."""

import re
from collections.abc import Mapping
from datetime import tzinfo
from typing import IO

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from ai_worker.demo.exchange import Exchange
from ai_worker.demo.load import Load
from ai_worker.demo.outcome import Tally
from ai_worker.demo.words import WORDS, Language

PART_CELLS = 10
"""Width of the column with the parts' names, in terminal cells: a Chinese character takes two."""

BODY_AT = 32
"""The column in which what is said begins."""

_UNBREAKABLE = re.compile(r"[!-~]+\s*|.[，。、；：！？）」》…]*\s*")
"""A Latin word or number, or one other character with the punctuation that may not begin a line."""


class Screen:
    """Prints the demo. On a terminal the last line is the status, rewritten in place."""

    def __init__(self, out: IO[str], *, language: Language, zone: tzinfo) -> None:
        self._out = out
        self._console = Console(file=out, highlight=False, emoji=False)
        self._words = WORDS[language]
        self._zone = zone
        self.live = self._console.is_terminal
        """Whether a person can see the status line."""

        self._status = ""

    def say(self, key: str, **values: object) -> str:
        """Return a phrase in the reader's language."""
        return self._words[key].format(**values)

    def title(self) -> None:
        """Print what this is."""
        title, local = Text(self.say("title"), "bold"), Text(self.say("local"), "dim")
        gap = max(2, min(self._console.width, 110) - title.cell_len - local.cell_len)
        self._print(Text.assemble(title, " " * gap, local))

    def part(self, key: str, facts: Mapping[str, object], seconds: float) -> None:
        """Print a part that has started, with the time it took."""
        name, detail = _fit(self.say(key), PART_CELLS), self.say(f"{key}_detail", **facts)
        took = f"  {self.say('seconds', seconds=f'{seconds:.1f}')}" if seconds >= 0.05 else ""
        self._print(Text.assemble("  ", ("✓", "green"), f" {name}  {detail}", (took, "dim")))

    def line(self, text: str = "", style: str = "") -> None:
        """Print one line."""
        self._print(Text(text, style))

    def exchange(self, exchange: Exchange) -> None:
        """Print a question and what came back."""
        at = exchange.asked_at.astimezone(self._zone).strftime("%H:%M:%S")
        platform = _fit(self.say(exchange.platform), 10)
        person = Text.assemble(platform, (exchange.question.person.name, "bold"))
        self._hanging(Text.assemble((f"  {at}  ", "dim"), person), self._said(exchange))
        speaker, style, reply = self._answer(exchange)
        self._hanging(Text.assemble(" " * 12, (speaker, style)), reply)
        if exchange.expects_reply:
            self._hanging(Text(), self._footnote(exchange), "dim")
        if exchange.problem:
            self._hanging(Text(), self.say("problem", problem=exchange.problem), "red")

    def _said(self, exchange: Exchange) -> str:
        """Return what somebody did, in one line."""
        text = exchange.question.text
        if exchange.act == "forged":
            return self.say("forged", text=text)
        if exchange.by_button:
            return self.say("pressed", text=text)
        if exchange.group:
            mention = f"@{self.say('worker')} " if exchange.expects_reply else ""
            return self.say("group", text=mention + text)
        return text

    def _answer(self, exchange: Exchange) -> tuple[str, str, str]:
        """Return who answered, in which style, and what; for what is not answered, why not."""
        worker = self.say("worker")
        match exchange.act, exchange.result.decision if exchange.result else None:
            case "forged", _:
                return "—", "dim", self.say("refused", status=exchange.status)
            case "overheard", _:
                return "—", "dim", self.say("ignored")
            case "rated", _:
                stored = f"（{self.say('rated')}）" if exchange.stored else ""
                return worker, "green", exchange.reply + stored
            case _, "handoff":
                return self.say("handoff"), "yellow", exchange.reply
            case _, "silent":
                return worker, "green", self.say("silent")
        return worker, "green", exchange.reply

    def _hanging(self, head: Text, body: str, style: str = "") -> None:
        """Print `head`, and `body` beside it in lines that begin in the same column."""
        room = max(20, self._console.width - BODY_AT)
        paragraphs = "\n".join(line for line in body.splitlines() if line.strip())  # a terminal has few lines
        for number, line in enumerate(wrapped(paragraphs, room)):
            start = head if number == 0 else Text()
            gap = " " * max(1, BODY_AT - start.cell_len)
            self._print(Text.assemble(start, gap, (line, style)))

    def _footnote(self, exchange: Exchange) -> str:
        notes = []
        if exchange.tools:
            notes.append(self.say("tools", tools=" ".join(exchange.tools)))
        if exchange.bubble.buttons:
            notes.append(self.say("buttons", labels=" ".join(f"［{label}］" for label in exchange.bubble.buttons)))
        if exchange.duplicates_ignored:
            notes.append(self.say("once", deliveries=exchange.duplicates_ignored + 1))
        notes.append(self.say("seconds", seconds=f"{exchange.seconds:.2f}"))
        return " · ".join(notes)

    def loaded(self, load: Load, *, in_flight: int) -> None:
        """Print how a load went."""
        elapsed = f"{load.now - load.began:.0f}"
        self.line("  " + self.say("loaded", contacts=load.sent, in_flight=in_flight, elapsed=elapsed), "bold")
        figures = {f"p{share}": f"{load.percentile(share / 100) * 1_000:.0f}" for share in (50, 95, 99)}
        rate = f"{load.per_second:.0f}"
        self.line("  " + self.say("loaded_detail", rate=rate, failed=load.failed, **figures))

    def score(self, tally: Tally) -> str:
        """Return how it went so far, in one line."""
        return self.say("status", succeeded=tally.succeeded, sent=tally.played, mean=f"{tally.mean_seconds:.2f}")

    def status(self, tally: Tally) -> None:
        """Show how it went so far, with the keys (the keys alone where that is too wide for the terminal)."""
        keys = f"  {self.say('keys')}"
        whole = f"  {self.score(tally)}      {keys}"
        self.show(whole if cell_len(whole) < self._console.width else keys)

    def loading(self, load: Load) -> None:
        """Show how a load is going; without a terminal nothing is shown."""
        elapsed, rate = f"{load.now - load.began:.0f}", f"{load.per_second:.0f}"
        self.show("  " + self.say("loading", elapsed=elapsed, rate=rate, answered=len(load.seconds)))

    def show(self, status: str) -> None:
        """Rewrite the status line in place; without a terminal nothing is shown."""
        if self.live:
            self._erase()
            room = self._console.width - 1
            self._status = status if cell_len(status) <= room else set_cell_size(status, room)
            self._out.write(self._status)
            self._out.flush()

    def _print(self, text: Text) -> None:
        status = self._status
        self._erase()
        self._console.print(text, soft_wrap=True)
        self.show(status)

    def _erase(self) -> None:
        if self._status:
            self._out.write("\r\x1b[2K")
            self._status = ""

    def close(self) -> None:
        """Leave the cursor on a fresh line."""
        self._erase()
        self._out.flush()


def _fit(text: str, cells: int) -> str:
    return set_cell_size(text, max(cells, cell_len(text)))


def wrapped(text: str, cells: int) -> list[str]:
    """Return `text` in lines of at most `cells` terminal cells, with no Latin word or number cut in two.

    rich wraps at spaces alone, which leaves Chinese lines half empty.
    """
    lines = []
    for paragraph in text.split("\n"):
        line = ""
        for piece in _UNBREAKABLE.findall(paragraph):
            if cell_len(line + piece.rstrip()) > cells and line:
                lines.append(line.rstrip())
                line = ""
            line += piece
        lines.append(line.rstrip())
    return lines
