"""Write the tables of characters in `src/ai_worker/knowledge/language` from the packages they come from.

    python scripts/chinese_tables.py

Needs opencc-python-reimplemented 0.1.7 (Apache-2.0) and pypinyin 0.55 (MIT), which nothing else does:
what runs reads the tables.
"""

from pathlib import Path

import opencc  # type: ignore[import-not-found, import-untyped, unused-ignore]
from pypinyin.contrib.tone_convert import to_normal
from pypinyin.pinyin_dict import pinyin_dict

FOLDER = Path(__file__).parent.parent / "src/ai_worker/knowledge/language"
NOTICE = "# Made by scripts/chinese_tables.py from {}.\n"
HAN = range(0x4E00, 0x9FA6)


def traditional() -> str:
    """Return a line for each traditional character: itself, and how it is written in simplified script."""
    table = Path(opencc.__file__).parent / "dictionary/TSCharacters.txt"
    found = []
    for line in table.read_text("utf-8").splitlines():
        old, _, new = line.partition("\t")
        first = new.split(" ")[0]
        if len(old) == 1 == len(first) and old != first and max(ord(old), ord(first)) < 0x10000:
            found.append(f"{old}{first}\n")
    notice = NOTICE.format("OpenCC's TSCharacters (Apache-2.0), as in opencc-python-reimplemented 0.1.7")
    return notice + "".join(found)


def sounds() -> str:
    """Return a line for each syllable: how it is typed, and the common characters that are read so."""
    found: dict[str, str] = {}
    for code in HAN:
        character = chr(code)
        if character.encode("gb2312", "ignore"):
            reading = to_normal(pinyin_dict[code].split(",")[0]).replace("ü", "v").replace("ê", "e")
            found[reading] = found.get(reading, "") + character
    lines = (f"{syllable} {characters}\n" for syllable, characters in sorted(found.items()))
    return NOTICE.format("pypinyin 0.55 (MIT)") + "".join(lines)


def main() -> None:
    """Write both."""
    (FOLDER / "traditional.txt").write_text(traditional(), "utf-8")
    (FOLDER / "sounds.txt").write_text(sounds(), "utf-8")


if __name__ == "__main__":
    main()
