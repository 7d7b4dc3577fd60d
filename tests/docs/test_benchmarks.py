"""The table of benchmarks: a row for everything, also for what could not be measured."""

from datetime import UTC, datetime

from benchmarks.rows import PARTS, Part, Row, both
from benchmarks.table import MARK, ROOT, WORDS, Measured, Run, measure, page

ROW = Row(("figure_ms",), both("figure"), both("{:.2f} ms"))
RUN = Run("0123456789", True, datetime(2026, 1, 1, tzinfo=UTC), "a processor", 2, 8.0, "Python", 0.1, False)


def test_every_row_can_be_shown_in_both_languages() -> None:
    measured = [Measured(part, "done", {name: 1.0 for row in part.rows for name in row.figures}) for part in PARTS]

    for language in WORDS:
        text = page(RUN, measured, 60.0, language)
        assert len(text.splitlines()) > sum(len(part.rows) for part in PARTS)
        assert all(f"| `python -m {' '.join(part.command)}` |" in text for part in PARTS)


def test_a_benchmark_that_fails_or_does_not_end_is_a_row_that_says_so() -> None:
    failing = Part("failing", ("benchmarks.no_such_benchmark",), 60.0, (ROW,), quick=())
    endless = Part("endless", ("http.server", "0", "--bind", "127.0.0.1"), 1.0, (ROW,), quick=())

    text = page(RUN, [measure(failing, quick=False), measure(endless, quick=False)], 60.0, "en")

    assert "| figure | not measured: the command failed | — |" in text
    assert "| figure | not measured: not done within 1 s | — |" in text


def test_the_page_says_what_was_measured_where_and_in_a_hurry() -> None:
    text = page(RUN, [Measured(Part("one", ("one",), 1.0, (ROW,)), "done", {"figure_ms": 0.987})], 60.0, "en")

    assert "| figure | 0.99 ms | — | `python -m one` |" in text
    assert "commit: `0123456789`, with changes that are not committed" in text
    assert "a processor, 2 cores, 8 GB of memory" in text


def test_both_pages_have_the_place_where_the_table_goes() -> None:
    for language in WORDS:
        assert (ROOT / "docs" / language / "reference/benchmarks.md").read_text(encoding="utf-8").count(MARK) == 1
