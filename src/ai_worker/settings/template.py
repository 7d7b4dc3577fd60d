"""The settings file that `init` writes: every setting explained, the chosen ones set."""

import json
import textwrap
from collections.abc import Mapping

from ai_worker.settings.reference import Entry, chinese_docs, reference

_INTRO = {
    "zh-CN": (
        "ai-worker 的设置。前面有 # 的行没有生效，写的是默认值；去掉 # 就能改。",
        "密钥可以写成 env:变量名 或 file:路径，不必写在这里。渠道改完几秒内生效，其他的重新启动才生效。",
    ),
    "en": (
        "Settings of ai-worker. Lines that begin with # are not in effect and show the default.",
        "A secret may be env:NAME or file:PATH, so that it need not stand here. Only channels need no restart.",
    ),
}
_NAMES = {"workers": "xiaozhi", "knowledge": "handbook"}
"""What `<name>` is called in a section that the template writes; channels are named after their kind."""

_WIDTH = 100


def template(language: str, chosen: Mapping[str, str]) -> str:
    """Return a settings file.

    Args:
        language: `zh-CN` or `en`: the language of its comments.
        chosen: Values by `Entry.name`; the sections that hold none of them are comments as a whole.
    """
    entries = [entry for entry in reference() if not entry.section.startswith("[")]  # several, or none
    lines = [f"# {line}" for line in _INTRO[language]]
    for section in dict.fromkeys(entry.section for entry in entries):
        # A table whose parts have sections of their own stands there, and not as a line.
        parts = tuple(f"{entry.key}.<name>" for entry in entries if entry.section == section and entry.type == "table")
        within = {entry.section for entry in entries} & set(parts)
        own = [entry for entry in entries if entry.section == section and f"{entry.key}.<name>" not in within]
        used = any(entry.name in chosen for entry in own)
        lines.append("")
        if section:
            lines.append(("" if used else "# ") + f"[{_heading(section)}]")
        for entry in own:
            doc = chinese_docs()[entry.name] if language == "zh-CN" else entry.doc
            lines += _comment(doc, language)
            lines.append(_line(entry, chosen.get(entry.name)))
    return "\n".join(lines) + "\n"


def _heading(section: str) -> str:
    place, _, kind = section.partition(" ")
    top = place.partition(".")[0]
    return place.replace("<name>", kind.strip("()") or _NAMES.get(top, top))


def _line(entry: Entry, value: str | None) -> str:
    key = entry.key.rpartition(".")[2]
    if value is not None:
        return f"{key} = {json.dumps(value, ensure_ascii=False)}"
    if key == "kind":
        kind = entry.section.partition(" ")[2].strip("()") or entry.type.partition(" ")[0]
        return f'# kind = "{kind}"'
    default = entry.default if entry.default not in ("", "—") else '""'
    return f"# {key} = {default}"


def _comment(doc: str, language: str) -> list[str]:
    # Chinese has no spaces to break at; editors wrap a long line better than we would.
    lines = [doc] if language == "zh-CN" else textwrap.wrap(doc, _WIDTH, break_on_hyphens=False)
    return [f"# {line}" for line in lines]
