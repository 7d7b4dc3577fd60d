"""Keep the generated part of the reference pages: settings, errors, the command line, third parties.

Each page begins with words of its own; what follows the mark is made here. Without `--write` this
only says which pages are out of date, and ends with 1 if any is.
"""

import importlib
import pkgutil
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

import ai_worker
from ai_worker.cli.catalogue_showing import LEVEL_WORDS, MISSING_WORDS
from ai_worker.cli.program import program
from ai_worker.connectors.catalogue import reading
from ai_worker.foundation.errors import AiWorkerError
from ai_worker.foundation.wording import chinese
from ai_worker.settings.reference import Entry, chinese_docs, reference

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
MARK = "<!-- generated below this line by scripts/reference.py; to update: ./scripts/check --write -->"

UNTRANSLATED = "（尚未翻译）"
"""Stands where a Chinese word is missing; a test fails as long as it does."""


def pages() -> dict[Path, str]:
    """Return every page that has a generated part, with the text that it should have."""
    makers: Mapping[str, Callable[[bool], str]] = {
        "settings": settings_page,
        "errors": errors_page,
        "cli": cli_page,
        "third-party": third_party_page,
        "catalogue": catalogue_page,
    }
    found = {}
    for name, make in makers.items():
        for language in ("zh", "en"):
            page = DOCS / language / "reference" / f"{name}.md"
            words = page.read_text(encoding="utf-8").partition(MARK)[0]
            found[page] = f"{words}{MARK}\n\n{make(language == 'zh')}\n"
    return found


def catalogue_page(zh: bool) -> str:
    """Return how many systems stand where, by level and by category, as of the latest evidence."""
    proofs = reading.proofs()
    dates = [one.date for proof in proofs.values() for one in proof.contracts]
    stands = reading.standings(proofs, max(dates))
    counts, total = reading.counted(list(stands.values())), reading.totals(proofs.values())
    side = 0 if zh else 1

    def share(done: int, of: int) -> str:
        return f"{done:,} / {of:,} ({done / of:.1%})"

    levels = [(level, LEVEL_WORDS[level][side], f"{count:,}") for level, count in counts.levels.items()]
    lacks = [(MISSING_WORDS[word][side], f"{count:,}") for word, count in counts.missing.items()]
    figures = [
        ("编译的契约" if zh else "contracts that compile", share(total.compiled, total.contracts)),
        ("成为工具的操作" if zh else "operations that became tools", share(total.tools, total.operations)),
        ("裁判接受的调用" if zh else "calls that the judge accepts", share(total.accepted, total.calls)),
        ("其中裁判有可能接受的" if zh else "of those that it can accept at all", share(total.accepted, total.possible)),
        (
            "发出前拦下的缺参数调用" if zh else "incomplete calls stopped",
            share(total.stopped, total.negatives),
        ),
        (
            "带对了凭据的调用" if zh else "calls with their credential",
            share(total.auth_applied, total.auth_needed),
        ),
    ]
    kinds: dict[str, list[str]] = {}
    for one in reading.systems():
        kinds.setdefault(one.category, []).append(stands[one.id].level)
    rows = [(kind, f"{len(of):,}", f"{sum(level >= 'L2' for level in of):,}") for kind, of in sorted(kinds.items())]
    count = ("系统数" if zh else "systems",)
    parts = [
        f"{'证据截至' if zh else 'Evidence up to'} {max(dates)}",
        table(("等级" if zh else "level", "含义" if zh else "meaning", *count), levels),
        table(("下一级还差什么" if zh else "missing for the next level", *count), lacks),
        table(("证据" if zh else "evidence", "数量" if zh else "count"), figures),
        table(("类别" if zh else "category", *count, "L2 及以上" if zh else "L2 and above"), rows),
    ]
    return "\n\n".join(parts)


def settings_page(zh: bool) -> str:
    """Return every setting, by section."""
    entries = reference()
    parts = []
    for section in dict.fromkeys(entry.section for entry in entries):
        name, _, kind = section.partition(" ")
        heading = f"`[{name}]` {kind}".strip() if section else ("最上面" if zh else "Top of the file")
        parts += [f"## {heading}", settings_table([entry for entry in entries if entry.section == section], zh)]
    return "\n\n".join(parts)


def settings_table(entries: list[Entry], zh: bool) -> str:
    """Return one section's settings as a table."""
    heads = ("键", "类型", "默认", "说明") if zh else ("key", "type", "default", "meaning")
    rows = []
    for entry in entries:
        doc = chinese_docs().get(entry.name, UNTRANSLATED) if zh else entry.doc
        default = f"`{entry.default}`" if entry.default else ("必填" if zh else "required")
        rows.append((f"`{entry.key.rpartition('.')[2]}`", chinese_type(entry.type) if zh else entry.type, default, doc))
    return table(heads, rows)


def chinese_type(words: str) -> str:
    """Return a kind of value in Chinese."""
    known = {
        "text": "文字",
        "number": "数字",
        "true/false": "true/false",
        "secret": "密钥",
        "path": "路径",
        "table": "表",
        "list of text": "文字列表",
        "list of date": "日期列表",
        "list of tables": "表的列表",
    }
    return known.get(words, words)


def errors_page(zh: bool) -> str:
    """Return every foreseen error, by code."""
    rows = []
    for error in errors():
        words, hint = first_paragraph(error), error.hint or ""
        if zh:
            known = chinese().get(error.code, {})
            words, hint = known.get("words", UNTRANSLATED), known.get("hint", hint)
        retry = ("可以" if zh else "yes") if error.retryable else ""
        rows.append((f"`{error.code}`", words, hint, retry))
    heads = ("代码", "发生了什么", "怎么办", "可重试") if zh else ("code", "what happened", "what to do", "retry")
    return table(heads, rows)


def errors() -> list[type[AiWorkerError]]:
    """Return the error classes of the whole package, one for each code, by code."""
    for module in pkgutil.walk_packages(ai_worker.__path__, "ai_worker."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found: dict[str, type[AiWorkerError]] = {}
    waiting: list[type[AiWorkerError]] = [AiWorkerError]
    while waiting:
        error = waiting.pop(0)
        if error.__module__.startswith("ai_worker."):
            if "code" in vars(error):
                found.setdefault(error.code, error)
            waiting += error.__subclasses__()
    return [found[code] for code in sorted(found)]


def first_paragraph(error: type[AiWorkerError]) -> str:
    """Return what an error's docstring says first, on one line."""
    return " ".join((error.__doc__ or "").split("\n\n")[0].split())


def cli_page(zh: bool) -> str:
    """Return every command with its options."""
    parts = []
    for name, command in leaves("ai-worker", program("zh-CN" if zh else "en")):
        parts += [f"## `{name}`", command.help or ""]
        rows = [(f"`{spelled(option)}`", getattr(option, "help", None) or "") for option in command.params]
        if rows:
            parts.append(table(("参数", "说明") if zh else ("argument", "meaning"), rows))
    return "\n\n".join(parts)


def leaves(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Yield every command that does something, with its full name."""
    children = getattr(command, "commands", None)
    if children is None:
        yield name, command
        return
    for child in children.values():
        yield from leaves(f"{name} {child.name}", child)


def spelled(parameter: Any) -> str:
    """Return a parameter as it is typed: `--ip CIDR|any`, `NAME`."""
    metavar = parameter.metavar or parameter.name.upper()
    if parameter.param_type_name == "argument":
        return f"{metavar}…" if parameter.nargs == -1 else str(metavar)
    flag = "/".join([*parameter.opts, *parameter.secondary_opts])
    return flag if parameter.is_flag else f"{flag} {metavar}"


def third_party_page(zh: bool) -> str:
    """Return what is used of others, and under which licence."""
    heads = ("软件包", "许可证", "用途") if zh else ("package", "licence", "used for")
    assets = [
        ("htmx 2.0.10 (`htmx.min.js`)", "0BSD", "控制台" if zh else "console"),
        ("htmx SSE extension (`hx-sse.min.js`)", "0BSD", "控制台" if zh else "console"),
        ("django-htmx 1.29.0", "MIT", "只在构建时" if zh else "build only"),
    ]
    rows = [(f"`{name}`", licence(name), "运行" if zh else "run time") for name in dependencies()]
    return table(heads, [*assets, *rows])


def dependencies() -> list[str]:
    """Return the names of the direct run-time dependencies, in the order of the alphabet."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return sorted(re.split(r"[^A-Za-z0-9_.-]", line)[0] for line in project["dependencies"])


def licence(package: str) -> str:
    """Return a package's licence by its own word."""
    try:
        told = metadata(package)
    except PackageNotFoundError:
        return "—"
    if "License-Expression" in told:
        return told["License-Expression"]
    named = [line.rpartition(" :: ")[2] for line in told.get_all("Classifier") or [] if line.startswith("License ::")]
    return ", ".join(named) or (told["License"].strip().splitlines()[0][:60] if "License" in told else "—")


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; a `|` inside a cell does not end it."""
    lines: list[Sequence[str]] = [heads, ("---",) * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def main(write: bool) -> int:
    """Compare the pages with what they should be, or write them; return the exit code."""
    stale = {path: text for path, text in pages().items() if path.read_text(encoding="utf-8") != text}
    if write:
        for path, text in stale.items():
            path.write_text(text, encoding="utf-8")
        return 0
    for path in stale:
        print(f"out of date: {path.relative_to(ROOT)}; run ./scripts/check --write", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main("--write" in sys.argv[1:]))
