"""The pages: in two languages, with no dead link, and with nothing missing or out of date."""

import re
import tomllib
from pathlib import Path

import pytest

from ai_worker.foundation.wording import chinese
from ai_worker.settings import load
from ai_worker.settings.reference import chinese_docs, reference
from ai_worker.settings.template import template
from tests.docs.generated import load_script

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS / "zh") for path in (DOCS / "zh").rglob("*.md"))

generator = load_script("reference")


def test_both_languages_have_the_same_pages() -> None:
    assert sorted(path.relative_to(DOCS / "en") for path in (DOCS / "en").rglob("*.md")) == PAGES


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_both_languages_have_the_same_headings(page: Path) -> None:
    levels = [
        [line.partition(" ")[0] for line in prose(DOCS / language / page) if re.match(r"#+ ", line)]
        for language in ("zh", "en")
    ]

    assert levels[0] == levels[1]


def prose(page: Path) -> list[str]:
    """Return a page's lines without its code blocks, where `#` is a comment."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return text.splitlines()


@pytest.mark.parametrize(
    "page",
    [*(DOCS.rglob("*.md")), *(ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"))],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_no_link_between_pages_is_dead(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", "\n".join(prose(page)))

    dead = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not dead


def test_the_generated_pages_are_up_to_date() -> None:
    stale = [path for path, text in generator.pages().items() if path.read_text(encoding="utf-8") != text]

    assert not stale, "run ./scripts/check --write"


def test_every_setting_is_documented_in_both_languages() -> None:
    entries = reference()

    assert [entry.name for entry in entries if not entry.doc] == []
    assert [entry.name for entry in entries if not chinese_docs().get(entry.name)] == []
    assert len(entries) > 30


def test_no_chinese_words_are_left_of_a_setting_that_is_gone() -> None:
    assert set(chinese_docs()) <= {entry.name for entry in reference()}


def test_every_error_is_explained_in_both_languages() -> None:
    codes = [error.code for error in generator.errors()]

    assert [error.code for error in generator.errors() if not generator.first_paragraph(error)] == []
    assert [code for code in codes if not chinese().get(code, {}).get("words")] == []
    assert sorted(set(chinese()) - set(codes)) == []


def test_error_codes_are_dotted_words() -> None:
    for error in generator.errors():
        assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", error.code), error


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_the_file_that_init_writes_is_good_as_it_is_and_with_every_line_switched_on(
    language: str, tmp_path: Path
) -> None:
    text = template(language, {"data_dir": "var"})
    file = tmp_path / "ai-worker.toml"
    file.write_text(text, encoding="utf-8")
    assert load(file, environ={}).database_file == tmp_path / "var" / "ai-worker.db"

    switched_on = re.sub(r"^# (?=\[|[a-z_]+ = )", "", text, flags=re.MULTILINE)

    tree = tomllib.loads(switched_on)
    assert {"api", "console", "storage", "queue", "model", "workers", "channels"} <= set(tree)
    assert set(tree["channels"]) == {entry.section.partition("(")[2][:-1] for entry in reference()} - {""}


def test_the_glossary_has_every_word_once() -> None:
    for page in (DOCS / "zh/reference/glossary.md", DOCS / "en/reference/glossary.md"):
        rows = [line for line in prose(page) if line.startswith("| ")][2:]
        first = [row.split(" | ")[0] for row in rows]
        assert len(first) == len(set(first)) > 15
